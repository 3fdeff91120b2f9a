/** Delivery when ids expire before the broker takes them. */
import { expect, test } from 'vitest'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'
import { start } from '../../support/samples.ts'
import { diskFull } from '../../support/scripted.ts'

const expiredAlready = { requestedAt: start - 700_000 }

test('an id that expired before the broker took it is deleted and counted', async () => {
  const { outbox, broker, add, begin, expired } = aWorld()
  await add('501', expiredAlready)
  await add('502', expiredAlready)
  await add('503')

  begin()
  await settle()

  expect(broker.got).toEqual(['503'])
  expect(expired).toEqual([2])
  expect(await outbox.count()).toBe(0)
})

test('an id is either delivered or expired and never both, whatever the broker does', async () => {
  const { broker, clock, add, begin, delivered, expired } = aWorld()
  broker.leave()
  for (const id of ['501', '502']) await add(id)
  begin()
  await clock.advance(700_000)
  await add('503', { requestedAt: clock.now() })
  await settle()

  broker.comeBack()
  await settle()

  const dropped = expired.reduce((sum, count) => sum + count, 0)
  expect(delivered.length + dropped).toBe(3)
})

test('an id that expired behind a full window is not sent when the clock is set back', async () => {
  const { broker, clock, add, begin, expired } = aWorld()
  broker.leave()
  begin()
  await settle()
  for (let id = 500; id < 566; id++) await add(String(id), { syncModuleId: String(id) })
  await clock.advance(700_000)
  await add('701', { syncModuleId: '701', requestedAt: clock.now() })
  await settle()
  expect(expired).toEqual([2])
  clock.setWall(start)

  broker.comeBack()
  await clock.advance(1_000)

  expect(broker.got).toHaveLength(65)
  expect(broker.got.at(-1)).toBe('701')
})

test('ids that expire in flight and are acknowledged count as delivered only', async () => {
  const { outbox, broker, clock, add, begin, delivered, expired } = aWorld()
  broker.leave()
  const ids = Array.from({ length: 70 }, (_, index) => String(500 + index))
  await Promise.all(ids.map((id) => add(id, { syncModuleId: id })))
  begin()
  await clock.advance(700_000)
  const { remove } = outbox
  outbox.remove = (seqs) => {
    broker.comeBack()
    return remove(seqs)
  }

  for (const { ack } of broker.messages.slice(0, 32)) ack()
  await clock.advance(1_000)

  expect(delivered).toHaveLength(64)
  expect(expired.reduce((sum, count) => sum + count, 0)).toBe(6)
  expect(await outbox.count()).toBe(0)
})

test('what expiry spares is known when the disk writes, not when it was called', async () => {
  const { outbox, clock, add } = aWorld()
  for (const id of ['501', '502']) await add(id, expiredAlready)
  const spared = new Set<number>()

  const dropping = outbox.sweep(clock.now(), spared)
  spared.add(2)

  expect(await dropping).toEqual(new Map([['manifest_requested', 1]]))
  expect((await outbox.waiting(10, [])).map(({ event }) => event.body.requestId)).toEqual(['502'])
})

test('an expired id behind hundreds that wait for a refused one is swept', async () => {
  const { outbox, broker, add, begin, expired } = aWorld()
  broker.refusing.add('1000')
  const ids = Array.from({ length: 600 }, (_, index) => String(1_000 + index))
  await Promise.all(ids.map((id) => add(id)))
  begin()
  await settle()

  broker.leave()
  await Promise.all(ids.map((id) => add(`1${id}`, { syncModuleId: id })))
  await add('902', { syncModuleId: '9', ...expiredAlready })
  await add('903', { syncModuleId: '8' })
  broker.comeBack()
  await settle()

  expect(expired).toEqual([1])
  expect(broker.got.slice(-1)).toEqual(['903'])
  expect(await outbox.count()).toBe(600)
})

test('a disk too full to delete expired ids does not end the delivery of the others', async () => {
  const { outbox, broker, add, begin } = aWorld()
  outbox.sweep = () => Promise.reject(diskFull)
  await add('501')

  const { ended } = begin()
  ended.catch(() => undefined)
  await settle()
  await add('502')
  await settle()

  expect(broker.got).toEqual(['501', '502'])
})
