import { expect, test } from 'vitest'
import { ThrottledLog } from '../../../src/domain/throttled-log.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/rig.ts'

function throttled() {
  const { log, lines } = readableLog()
  const clock = fakeClock()
  return { throttled: new ThrottledLog(clock, log), clock, lines }
}

test('a line of a kind comes once an hour, with the number of those left out', async () => {
  const { throttled: log, clock, lines } = throttled()

  for (const _ of [1, 2, 3]) log.log('warn', { at: 1 }, 'broker away')
  await clock.advance(3_600_000)
  log.log('warn', { at: 2 }, 'broker away')

  expect(lines.map(({ fields }) => fields)).toEqual([{ at: 1 }, { at: 2, suppressed: 2 }])
})

test('kinds do not hide each other, and none is silent for ever however many there are', () => {
  const { throttled: log, lines } = throttled()

  for (let kind = 0; kind < 1_000; kind++) log.log('warn', {}, 'refused', { kind: `kind ${kind}` })

  expect(lines).toHaveLength(1_000)
})

test('a rate allows so many at once, and then one each so often', async () => {
  const { throttled: log, clock, lines } = throttled()
  const rate = { burst: 3, everyMs: 1_000 }

  for (let nth = 0; nth < 10; nth++) log.log('info', {}, 'command done', { rate })
  expect(lines).toHaveLength(3)
  await clock.advance(2_500)
  for (let nth = 0; nth < 10; nth++) log.log('info', {}, 'command done', { rate })

  expect(lines).toHaveLength(5)
})
