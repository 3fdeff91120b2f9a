/** Delivery where other instances deliver too: an event is published by whoever holds its account, and by nobody else. */
import { expect, test } from 'vitest'
import type { Outbox, StoredEvent } from '../../../src/domain/ports.ts'
import { aWorld } from '../../support/delivery.ts'
import { settle } from '../../support/fake-clock.ts'

test('what another instance has stored is read when it is said to wait', async () => {
  const { broker, add, begin, outbox } = aWorld()
  const listeners: (() => void)[] = []
  const untold: Outbox = {
    ...outbox,
    onArrival(listener) {
      listeners.push(() => listener())
      return () => undefined
    },
  }
  begin(undefined, { outbox: untold })
  await settle()
  await add('501')
  await settle()
  expect(broker.got).toEqual([])

  for (const arrived of listeners) arrived()
  await settle()

  expect(broker.got).toEqual(['501'])
})

test('an event of an account that was lost is neither published again nor deleted', async () => {
  const { broker, add, begin, outbox } = aWorld()
  const held = new AbortController()
  broker.leave()
  begin(undefined, { holding: () => (held.signal.aborted ? undefined : held.signal) })
  await settle()
  await add('501')
  await settle()
  expect(broker.got).toEqual(['501'])

  held.abort(new Error('lost'))
  await settle()
  broker.comeBack()
  await add('502')
  await settle()

  expect(broker.got).toEqual(['501'])
  expect(await outbox.count()).toBe(2)
})

test('an account that comes back goes on with its oldest event', async () => {
  const { broker, add, begin, delivered, outbox } = aWorld()
  let held = new AbortController()
  broker.leave()
  const { elsewhere, waits } = tellingOf(outbox)
  begin(undefined, { outbox: elsewhere, holding: () => held.signal })
  await settle()
  await add('501')
  waits()
  await settle()
  held.abort(new Error('lost'))
  await settle()

  held = new AbortController()
  broker.comeBack()
  waits()
  await add('502')
  await settle()

  expect(delivered.map(({ requestId }) => requestId)).toEqual(['501', '502'])
})

/** The same outbox, of which nothing is told but that something waits. */
function tellingOf(outbox: Outbox) {
  const listeners: ((added?: StoredEvent) => void)[] = []
  const elsewhere: Outbox = {
    ...outbox,
    onArrival(listener) {
      listeners.push(listener)
      return outbox.onArrival((added) => listener(added))
    },
  }
  return { elsewhere, waits: () => listeners.map((listener) => listener()) }
}
