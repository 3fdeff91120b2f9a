/** From the outbox to the broker: in order, and kept until acknowledged. */
import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import type { Message, WorkItem } from '../../../src/domain/model.ts'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'

test('what waits is delivered oldest first and then deleted', async () => {
  const { outbox, broker, add, begin, delivered } = aWorld()
  for (const id of ['501', '502', '503']) await add(id)

  begin()
  await settle()

  expect(broker.got).toEqual(['501', '502', '503'])
  expect(await outbox.count()).toBe(0)
  expect(delivered.map(({ requestId }) => requestId)).toEqual(['501', '502', '503'])
})

test('an id that arrives while nothing waits is sent at once', async () => {
  const { clock, broker, add, begin } = aWorld()
  begin()
  await settle()

  await add('501')
  await settle()

  expect(broker.got).toEqual(['501'])
  expect(clock.elapsed()).toBe(0)
})

test('an id is kept for as long as the broker does not acknowledge it', async () => {
  const { outbox, broker, clock, add, begin, delivered } = aWorld()
  broker.leave()
  await add('501')

  begin()
  await clock.advance(500_000)

  expect(await outbox.count()).toBe(1)
  expect(delivered).toEqual([])

  broker.messages[0]?.ack()
  await settle()

  expect(await outbox.count()).toBe(0)
  expect(delivered).toHaveLength(1)
})

test('an item of several messages is deleted when the last of them is acknowledged', async () => {
  const { outbox, broker, add, begin } = aWorld()
  broker.leave()
  await add('501')

  begin(({ requestId }) => ['a', 'b'].map((topic) => ({ topic, payload: requestId, retain: false })))
  await settle()
  broker.messages[1]?.ack()
  await settle()

  expect(await outbox.count()).toBe(1)

  broker.messages[0]?.ack()
  await settle()

  expect(await outbox.count()).toBe(0)
})

test('hundreds of ids that waited for the broker are delivered once and in order', async () => {
  const { outbox, broker, add, begin } = aWorld()
  const ids = Array.from({ length: 400 }, (_, index) => String(index))
  await Promise.all(ids.map((id) => add(id, { syncModuleId: String(Number(id) % 7) })))

  begin()
  for (let turns = 0; turns < 2_000 && (await outbox.count()) > 0; turns++) await settle()

  for (let module = 0; module < 7; module++) {
    const own = (id: string) => Number(id) % 7 === module
    expect(broker.got.filter(own)).toEqual(ids.filter(own))
  }
  expect(broker.got).toHaveLength(400)
})

test("a refused id is tried again after half a minute, its module's later ones wait", async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.refusing.add('501')
  begin()
  await add('501')
  await settle()
  await add('502')
  await add('503')
  await add('901', { syncModuleId: '9' })
  await settle()
  expect(broker.got).toEqual(['501', '901'])

  broker.refusing.clear()
  await clock.advance(29_999)
  expect(broker.got).toEqual(['501', '901'])
  await clock.advance(1)

  expect(broker.got).toEqual(['501', '901', '501', '502', '503'])
  expect(await outbox.count()).toBe(0)
})

test('ids of a module arrive in order though the broker refuses the first at first', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.refusing.add('501')
  for (const id of ['501', '502', '503']) await add(id)

  begin()
  await settle()
  broker.refusing.clear()
  await clock.advance(30_000)

  const taken = broker.got.filter((id, index) => index > 0 || id !== '501')
  expect(taken).toEqual(['501', '502', '503'])
  expect(await outbox.count()).toBe(0)
})

test('an id the broker refuses for ever expires and holds up nobody else', async () => {
  const { outbox, broker, clock, add, begin, expired } = aWorld()
  broker.refusing.add('501')
  await add('501')
  begin()
  await clock.advance(600_001)

  await add('502', { requestedAt: clock.now() })
  await clock.advance(30_000)

  expect(broker.got.at(-1)).toBe('502')
  expect(await outbox.count()).toBe(0)
  expect(expired).toEqual([1])
})

/** As the work item and its event are: two messages of one item. */
const both = ({ requestId }: WorkItem): Message[] => [
  { topic: 'item', payload: requestId, retain: false },
  { topic: 'event', payload: `event ${requestId}`, retain: false },
]

test("an item's second message is not sent again with each try of its first", async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.refusing.add('501')
  await add('501')
  begin(both)

  await clock.advance(90_000)
  broker.refusing.clear()
  await clock.advance(30_000)

  expect(broker.got).toEqual(['501', 'event 501', '501', '501', '501', '501'])
  expect(await outbox.count()).toBe(0)
})

test('an item that was taken is not sent again because its event was refused', async () => {
  const { outbox, broker, clock, add, begin } = aWorld()
  broker.refusing.add('event 501')
  await add('501')
  begin(both)

  await clock.advance(30_000)
  broker.refusing.clear()
  await clock.advance(30_000)

  expect(broker.got).toEqual(['501', 'event 501', 'event 501', 'event 501'])
  expect(await outbox.count()).toBe(0)
})

test('a PUBACK that comes after the refusal of the other message counts', async () => {
  const { broker, clock, add, begin } = aWorld()
  broker.leave()
  await add('501')
  begin(both)
  await settle()
  broker.messages[0]?.refuse(new PublishRefused('not authorized', 0x87))
  await settle()

  broker.comeBack()
  await clock.advance(30_000)

  expect(broker.got).toEqual(['501', 'event 501', '501'])
})
