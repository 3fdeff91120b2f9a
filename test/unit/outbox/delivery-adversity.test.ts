/** Delivery when the broker refuses, the disk is full, the program is stopped or killed, or there is a bug. */
import { expect, test, vi } from 'vitest'
import type { Message } from '../../../src/domain/model.ts'
import { requestedEvent, workItemMessage } from '../../../src/topics/events.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'
import { temporaryDirectory } from '../../support/samples.ts'
import { diskFull } from '../../support/scripted.ts'

test('many modules whose ids the broker refuses hold up no other', async () => {
  const { broker, add, begin, delivered } = aWorld()
  const hopeless = Array.from({ length: 40 }, (_, index) => String(500 + index))
  for (const id of hopeless) {
    broker.refusing.add(id)
    await add(id, { syncModuleId: id })
  }
  await add('901', { syncModuleId: '9' })

  begin()
  await settle()

  expect(delivered.map(({ requestId }) => requestId)).toEqual(['901'])
})

test('a module with hundreds of ids behind a refused one holds up no other', async () => {
  const { broker, add, begin, delivered } = aWorld()
  const ids = Array.from({ length: 600 }, (_, index) => String(1_000 + index))
  broker.refusing.add('1000')
  await Promise.all(ids.map((id) => add(id)))
  await add('901', { syncModuleId: '9' })

  begin()
  await settle()

  expect(delivered.map(({ requestId }) => requestId)).toEqual(['901'])
})

test('a stopped delivery ends at once, and what was not acknowledged stays', async () => {
  const { outbox, broker, add, begin } = aWorld()
  broker.leave()
  await add('501')
  const { stop } = begin()
  await settle()

  await stop()

  expect(await outbox.count()).toBe(1)
})

test('a delivery ends at once while idle, and while a refused id waits', async () => {
  const idle = aWorld().begin()
  const { broker, log, add, begin } = aWorld()
  broker.refusing.add('501')
  await add('501')
  const holding = begin()
  await settle()

  await idle.stop()
  await holding.stop()
  await settle()

  expect(broker.got).toEqual(['501'])
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('after a stop nothing more is sent', async () => {
  const { broker, add, begin } = aWorld()
  await begin().stop()

  await add('501')
  await settle()

  expect(broker.got).toEqual([])
})

test('killed between PUBACK and deletion, the next start delivers the same event id', async () => {
  const topics = topicsBelow('blink-manifestd')
  const directory = temporaryDirectory()
  const { outbox, broker, clock, database, add, begin } = aWorld(directory)
  const messagesFor: Parameters<typeof begin>[0] = (item) => [
    workItemMessage(topics, item, clock.now()),
    requestedEvent(topics, item, clock.now()),
  ]
  // The commit that forgets the item never comes: what is on disk is what a kill leaves.
  outbox.remove = () => Promise.reject(diskFull)
  await add('501')
  const { stop } = begin(messagesFor)
  await settle()
  await stop()
  await database.close()

  const next = aWorld(directory)
  next.begin(messagesFor)
  await settle()

  const eventIds = ({ messages }: typeof broker) =>
    messages.map(({ message }: { message: Message }) => message.userProperties?.event_id)
  expect(eventIds(broker)).toHaveLength(2)
  expect(eventIds(next.broker)).toEqual(eventIds(broker))
  expect(await next.outbox.count()).toBe(0)
})

test('a disk that deletes nothing is logged, and other ids are delivered all the same', async () => {
  const { outbox, broker, clock, log, add, begin } = aWorld()
  outbox.remove = () => Promise.reject(diskFull)
  for (const id of ['501', '502']) await add(id, { syncModuleId: id })
  begin()
  await clock.advance(50)
  expect(log.lines).toMatchObject([{ level: 'error' }])

  for (const id of ['503', '504']) await add(id, { syncModuleId: id })
  await settle()

  expect(broker.got).toEqual(['501', '502', '503', '504'])
  expect(await outbox.count()).toBe(4)
})

test('while the disk deletes nothing, what lies behind a full window goes out once', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  outbox.remove = () => Promise.reject(diskFull)
  const ids = Array.from({ length: 200 }, (_, index) => String(500 + index))
  await Promise.all(ids.map((id) => add(id, { syncModuleId: id })))

  begin()
  await clock.advance(1_000)

  expect(broker.got).toEqual(ids)
})

test('what lies behind a full window goes out before earlier items are deleted', async () => {
  const { outbox, broker, add, begin } = aWorld()
  const disk = Promise.withResolvers<void>()
  const remove = vi.fn(() => disk.promise)
  outbox.remove = remove
  const ids = Array.from({ length: 200 }, (_, index) => String(500 + index))
  await Promise.all(ids.map((id) => add(id, { syncModuleId: id })))

  begin()
  await settle()
  const { length } = broker.got
  disk.resolve()
  await settle()

  expect(length).toBe(ids.length)
  // One in which the disk hung, one of all that came meanwhile.
  expect(remove).toHaveBeenCalledTimes(2)
})

test('while a full disk deletes nothing, the broker gets at most one more copy', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  const { remove } = outbox
  outbox.remove = () => Promise.reject(diskFull)
  await add('501')
  begin()
  await clock.advance(300_000)

  expect(broker.got.length).toBeLessThanOrEqual(2)

  outbox.remove = remove
  await clock.advance(60_000)
  expect(await outbox.count()).toBe(0)
})

test('a bug in making the messages of an id ends the delivery as what it is', async () => {
  const bug = new TypeError('x is not a function')
  const { add, begin } = aWorld()
  await add('501')
  const failed = vi.fn()

  begin(() => {
    throw bug
  }).ended.catch(failed)
  await settle()

  expect(failed).toHaveBeenCalledWith(bug)
})
