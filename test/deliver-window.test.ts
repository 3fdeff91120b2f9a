/** What goes out at a time, what waits behind it, and how what was acknowledged is forgotten. */
import { expect, test } from 'vitest'
import { aWorld } from './delivery.ts'
import { settle } from './fake-clock.ts'

test('sixty-four ids of different modules are on their way at a time, and more go when half of them are acknowledged', async () => {
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

test('an id that is stored while the window is full goes out when there is room, in its turn', async () => {
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

test('an id that is stored while an earlier one of its module is on its way goes out after it', async () => {
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

test('acknowledged ids are forgotten together, a moment later', async () => {
  const { outbox, clock, add, begin } = aWorld()
  const { remove } = outbox
  const removed: number[][] = []
  outbox.remove = (seqs) => {
    removed.push([...seqs])
    return remove(seqs)
  }
  begin()
  await settle()
  for (const id of ['501', '502', '503']) await add(id, { syncModuleId: id })
  await settle()
  expect(removed).toEqual([])

  await clock.advance(50)

  expect(removed).toEqual([[1, 2, 3]])
  expect(outbox.count()).toBe(0)
})

test('a delivery that stops forgets what was acknowledged before it ends', async () => {
  const { outbox, add, begin } = aWorld()
  const { stop } = begin()
  await settle()
  await add('501')
  await settle()

  await stop()

  expect(outbox.count()).toBe(0)
})

test('an item on disk behind one that is acknowledged and not yet forgotten goes out before a newer one', async () => {
  const { outbox, broker, add, begin } = aWorld()
  broker.leave()
  for (const id of ['501', '502']) await add(id)
  for (const id of ['701', '702']) await add(id, { syncModuleId: '7' })
  begin()
  await settle()
  expect(broker.got).toEqual(['501', '701'])
  const { dropExpired } = outbox
  const { promise: diskIsBusy, resolve: diskIsFree } = Promise.withResolvers<void>()
  outbox.dropExpired = (now, inFlight) => diskIsBusy.then(() => dropExpired(now, inFlight))

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

test('while the broker is away, ids that die behind others do not pile up on the disk', async () => {
  const { outbox, broker, clock, add, begin, expired } = aWorld()
  broker.leave()
  begin()
  for (let tick = 0; tick < 30; tick++) {
    await add(String(500 + tick), { requestedAt: clock.now() })
    await clock.advance(300_000)
  }

  // The one on its way, and those of the last ticks.
  expect(outbox.count()).toBeLessThanOrEqual(4)
  expect(expired.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(26)
})
