/** What goes out at a time, what waits behind it, and how what was acknowledged is deleted. */
import { expect, test } from 'vitest'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'

test('64 ids of different modules are in flight, and more at half of the PUBACKs', async () => {
  const { broker, add, begin } = aWorld()
  broker.leave()
  const ids = Array.from({ length: 100 }, (_, index) => String(500 + index))
  await Promise.all(ids.map((id) => add(id, { syncModuleId: id })))

  begin()
  await settle()

  expect(broker.got).toEqual(ids.slice(0, 64))

  for (const { ack } of broker.messages.slice(0, 31)) ack()
  await settle()
  expect(broker.got).toHaveLength(64)

  broker.messages[31]?.ack()
  await settle()
  expect(broker.got).toEqual(ids.slice(0, 96))
})

test('an id stored while the window is full goes out in its turn', async () => {
  const { broker, add, begin } = aWorld()
  broker.leave()
  begin()
  const ids = Array.from({ length: 70 }, (_, index) => String(500 + index))
  for (const id of ids) await add(id, { syncModuleId: id })
  await settle()
  expect(broker.got).toEqual(ids.slice(0, 64))

  broker.comeBack()
  await settle()

  expect(broker.got).toEqual(ids)
})

test('what expired behind a full window is swept, and holds nothing up', async () => {
  const { outbox, broker, clock, add, begin, delivered, expired } = aWorld()
  broker.leave()
  begin()
  await settle()
  for (let id = 500; id < 564; id++) await add(String(id), { syncModuleId: String(id) })
  const nearlyExpired = { requestedAt: clock.now() - 599_000 }
  for (const id of ['701', '702']) await add(id, { syncModuleId: id, ...nearlyExpired })
  await add('703', { syncModuleId: '703' })
  await clock.advance(2_000)

  broker.comeBack()
  await clock.advance(1_000)

  expect(broker.got.slice(64)).toEqual(['703'])
  expect(delivered).toHaveLength(65)
  expect(expired).toEqual([2])
  expect(await outbox.count()).toBe(0)
})

test('of a flood behind a full window nothing is lost, doubled or out of order', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.leave()
  begin()
  await settle()
  const flood = Array.from({ length: 1_500 }, (_, index) => String(500 + index))
  await Promise.all(flood.map((id) => add(id, { syncModuleId: id })))
  expect(broker.got).toEqual(flood.slice(0, 64))

  broker.comeBack()
  await clock.advance(5_000)
  await add('7001')
  await clock.advance(5_000)

  expect(broker.got).toEqual([...flood, '7001'])
  expect(await outbox.count()).toBe(0)
})

test('what waits behind an earlier item of its module is read from disk once', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.leave()
  begin()
  await settle()
  const ids = Array.from({ length: 70 }, (_, index) => String(500 + index))
  for (const id of ids) await add(id, { syncModuleId: id })
  for (const id of ['600', '601']) await add(id, { syncModuleId: '500' })

  broker.comeBack()
  await clock.advance(1_000)
  await add('700', { syncModuleId: '500' })
  await clock.advance(1_000)

  expect(broker.got.toSorted()).toEqual([...ids, '600', '601', '700'])
  expect(broker.got.slice(-3)).toEqual(['600', '601', '700'])
  expect(await outbox.count()).toBe(0)
})

test('an id stored while an earlier one of its module is in flight follows it', async () => {
  const { broker, add, begin } = aWorld()
  broker.leave()
  begin()
  for (const id of ['501', '502']) await add(id)
  await settle()
  expect(broker.got).toEqual(['501'])

  broker.comeBack()
  await settle()

  expect(broker.got).toEqual(['501', '502'])
})

test('ids acknowledged while a deletion is under way are deleted together', async () => {
  const { outbox, add, begin } = aWorld()
  const { remove } = outbox
  const removed: number[][] = []
  const first = Promise.withResolvers<void>()
  outbox.remove = async (seqs) => {
    removed.push([...seqs])
    await first.promise
    return remove(seqs)
  }
  begin()
  await settle()
  for (const id of ['501', '502', '503']) await add(id, { syncModuleId: id })
  await settle()
  expect(removed).toEqual([[1]])

  first.resolve()
  await settle()

  expect(removed).toEqual([[1], [2, 3]])
  expect(await outbox.count()).toBe(0)
})

test('a delivery that stops deletes what was acknowledged before it ends', async () => {
  const { outbox, add, begin } = aWorld()
  const { stop } = begin()
  await settle()
  await add('501')
  await settle()

  await stop()

  expect(await outbox.count()).toBe(0)
})

test('an item behind an acknowledged, undeleted one goes out before a newer one', async () => {
  const { outbox, broker, add, begin } = aWorld()
  broker.leave()
  for (const id of ['501', '502']) await add(id)
  for (const id of ['701', '702']) await add(id, { syncModuleId: '7' })
  begin()
  await settle()
  expect(broker.got).toEqual(['501', '701'])
  const { sweep } = outbox
  const { promise: diskIsBusy, resolve: diskIsFree } = Promise.withResolvers<void>()
  outbox.sweep = (now, inFlight) => diskIsBusy.then(() => sweep(now, inFlight))

  broker.messages[1]?.ack()
  await settle()
  broker.messages[0]?.ack()
  await settle()
  diskIsFree()
  await settle()
  await add('503')
  broker.comeBack()
  await settle()

  expect(broker.got.filter((id) => id.startsWith('5'))).toEqual(['501', '502', '503'])
})

test('ids that expire while the broker is away do not pile up on the disk', async () => {
  const { outbox, broker, clock, add, begin, expired } = aWorld()
  broker.leave()
  begin()
  for (let tick = 0; tick < 30; tick++) {
    await add(String(500 + tick), { requestedAt: clock.now() })
    await clock.advance(300_000)
  }

  // The one on its way, and those of the last ticks.
  expect(await outbox.count()).toBeLessThanOrEqual(4)
  expect(expired.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(26)
})
