import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import { refusalLogger } from '../../../src/mqtt/refusals.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'

const denied = new PublishRefused('not authorized', 0x87)
const hourMs = 3_600_000

test('a refusal is logged once an hour for each kind of topic', async () => {
  const [clock, log] = [fakeClock(), readableLog()]
  const refused = refusalLogger(clock, log)
  const run = () => {
    for (let id = 1; id <= 100; id++) {
      refused(`b/sync/8021/44107/${id}/state`, denied, 'broker refused a state topic')
      refused(`b/sync/8021/44107/${id}/info`, denied, 'broker refused a state topic')
    }
  }
  const warned = () => log.lines.filter(({ level }) => level === 'warn')

  run()
  run()
  expect(warned().map(({ fields }) => fields.topic)).toEqual(['b/sync/+/+/+/state', 'b/sync/+/+/+/info'])
  expect(warned()[0]?.fields).toMatchObject({
    reason_code: 0x87,
    remedy: 'Let this user write b/sync/+/+/+/state on the broker.',
  })
  await clock.advance(hourMs)
  run()
  expect(warned()).toHaveLength(4)
})

test('another reason is another matter', () => {
  const log = readableLog()
  const refused = refusalLogger(fakeClock(), log)

  refused('b/bridge/info', denied, 'broker refused a state topic')
  refused('b/bridge/info', new PublishRefused('quota exceeded', 0x97), 'broker refused a state topic')
  refused(
    'b/bridge/info',
    new PublishRefused('too large', 0x95, { remedy: 'Own words.' }),
    'broker refused an event',
  )

  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn'])
  expect(log.lines.map(({ fields }) => fields.remedy)).toEqual([
    expect.stringContaining('Let this user write'),
    expect.stringContaining('limit'),
    'Own words.',
  ])
})
