/** Delivery on a machine in trouble: a disk that refuses and takes again, a clock that is set, a huge backlog. */
import { expect, test } from 'vitest'
import { manifestRequested } from '../../../src/domain/work-item.ts'
import { requestedEvent, workItemMessage } from '../../../src/topics/events.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'
import { anItem, start } from '../../support/samples.ts'

const year = 365 * 86_400_000

test('an id that the disk could not delete stops holding up its module', async () => {
  const { database, outbox, broker, add, begin, delivered } = aWorld()
  broker.leave()
  await add('501')
  begin()
  await settle()
  // What a disk does that became read-only.
  database.sql.exec('PRAGMA query_only = ON')
  broker.comeBack()
  await settle()
  expect(await outbox.count()).toBe(1)

  database.sql.exec('PRAGMA query_only = OFF')
  await add('502')
  await settle()

  expect(delivered.map(({ requestId }) => requestId)).toEqual(['501', '502'])
  expect(await outbox.count()).toBe(0)
})

test('a recovered disk deletes what is acknowledged as soon as before', async () => {
  const { database, outbox, broker, clock, add, begin } = aWorld()
  broker.leave()
  await add('501')
  begin()
  await settle()
  database.sql.exec('PRAGMA query_only = ON')
  broker.comeBack()
  await clock.advance(1_000)
  database.sql.exec('PRAGMA query_only = OFF')
  await add('601', { syncModuleId: '6' })
  await clock.advance(50)
  expect(await outbox.count()).toBe(0)

  await add('602', { syncModuleId: '6' })
  await clock.advance(50)

  expect(await outbox.count()).toBe(0)
})

test('a clock set forward a year expires what waits, and new ids go out', async () => {
  const { broker, clock, add, begin, delivered, expired } = aWorld()
  broker.leave()
  for (const module of ['1', '2', '3']) await add(`50${module}`, { syncModuleId: module })
  clock.setWall(start + year)
  broker.comeBack()
  begin()
  await add('601', { requestedAt: start + year, expiresAt: start + year + 600_000 })
  await settle()

  expect(expired).toEqual([3])
  expect(delivered.map(({ requestId }) => requestId)).toEqual(['601'])
})

test('a clock set back a year still delivers, with a life that brokers can hold', async () => {
  const { clock, add, begin, delivered } = aWorld()
  const topics = topicsBelow('blink-manifestd')
  await add('501')
  clock.setWall(start - year)
  begin()
  await settle()

  expect(delivered.map(({ requestId }) => requestId)).toEqual(['501'])
  for (const message of [workItemMessage, requestedEvent]) {
    const { expirySeconds } = message(topics, anItem(), clock.now())
    if (expirySeconds === undefined) continue
    expect(Number.isInteger(expirySeconds)).toBe(true)
    expect(expirySeconds).toBeGreaterThan(0)
    expect(expirySeconds).toBeLessThan(2 ** 32)
  }
})

test('behind ten thousand ids of a busy module those of others are found', async () => {
  const { database, outbox, add } = aWorld()
  await database.write(() => {
    for (let number = 0; number < 10_000; number++)
      outbox.add(manifestRequested(anItem({ requestId: String(600_000 + number) })))
  })
  await add('901', { syncModuleId: '9' })
  const idsBut = async (...busy: readonly string[]) =>
    (await outbox.waiting(2, busy)).map(({ event }) => event.body.requestId)

  expect(await idsBut('8021/44107/350221')).toEqual(['901'])
  expect(await idsBut('8021/44107/9')).toEqual(['600000', '600001'])
})
