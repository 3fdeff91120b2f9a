/** How many accounts are asked at the same time, and who is next. */
import { expect, test } from 'vitest'
import type { Clock } from '../../src/domain/clock.ts'
import { turnsFor } from '../../src/scheduler/turns.ts'
import { type FakeClock, fakeClock, settle } from '../fake-clock.ts'

/** Accounts by name that wait for their turns, and what each does in its own: until `end`, nothing. */
function queue({ concurrency = 1, clock = fakeClock() }: { concurrency?: number; clock?: FakeClock } = {}) {
  const turns = turnsFor(concurrency, clock)
  const stop = new AbortController()
  const begun: string[] = []
  const atWork = new Map<string, { readonly clock: Clock; readonly end: () => void }>()
  const enter = (name: string) =>
    turns.take((pausing) => {
      begun.push(name)
      const { promise, resolve } = Promise.withResolvers<string>()
      atWork.set(name, { clock: pausing, end: () => resolve(name) })
      return promise.finally(() => atWork.delete(name))
    }, stop.signal)
  const end = async (name: string) => {
    atWork.get(name)?.end()
    await settle()
  }
  return { enter, end, begun, atWork, stop, clock }
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `home ${index}`)

test('of a thousand accounts as many are at work as keep the cloud busy, and each has its turn once', async () => {
  const { enter, end, begun, atWork } = queue({ concurrency: 8 })
  const all = names(1_000)

  const ends = Promise.all(all.map(enter))
  await settle()
  let most = atWork.size
  for (let ended = 0; ended < all.length; ended++) {
    await end([...atWork.keys()][0] ?? '')
    most = Math.max(most, atWork.size)
  }

  expect(await ends).toEqual(all)
  expect(most).toBe(32)
  expect([...begun].sort()).toEqual([...all].sort())
})

test('an account whose work fails leaves its place to the next', async () => {
  const turns = turnsFor(1, fakeClock())
  const never = new AbortController().signal
  const fail = () => turns.take(() => Promise.reject(new Error('a bug')), never)

  for (let failed = 0; failed < 10; failed++) await expect(fail()).rejects.toThrow('a bug')

  expect(await turns.take(async () => 'its turn', never)).toBe('its turn')
})

test('an account that pauses lends its place, and goes on afterwards without waiting for one', async () => {
  const { enter, end, begun, atWork, clock } = queue()
  for (const name of names(6)) void enter(name)
  await settle()
  expect(begun).toEqual(names(4))

  let awake = false
  const first = atWork.get('home 0')?.clock
  // Two of its modules are busy: that is one place all the same.
  const pauses = Promise.all([first?.sleep(3_000), first?.sleep(3_000)]).then(() => {
    awake = true
  })
  await settle()
  expect(begun).toEqual(names(5))
  await clock.advance(3_000)
  expect(awake).toBe(true)
  await pauses

  await end('home 1')
  expect(begun).toEqual(names(5))
  await end('home 2')
  expect(begun).toEqual(names(6))
})

test('a pause that is cut short gives the place back as well', async () => {
  const { enter, begun, atWork, end } = queue()
  for (const name of names(6)) void enter(name)
  await settle()
  const cut = new AbortController()
  const pause = atWork.get('home 0')?.clock.sleep(3_000, cut.signal)
  await settle()
  cut.abort(new Error('stopped'))

  await expect(pause).rejects.toThrow('stopped')
  await end('home 1')
  expect(begun).toEqual(names(5))
})

test('who is next is left to chance, so that none comes last every time', async () => {
  const { enter, end, begun } = queue({ clock: fakeClock(0, 0.99) })
  for (const name of names(8)) void enter(name)
  await settle()

  await end('home 0')

  expect(begun.at(-1)).toBe('home 7')
})

test('whoever still waits when the daemon stops does nothing, and those at work come to their end', async () => {
  const { enter, end, begun, stop } = queue()
  const ends = names(5).map(enter)
  await settle()

  stop.abort(new Error('stopped'))
  expect(await ends[4]).toBeUndefined()
  for (const name of names(4)) await end(name)

  expect(await Promise.all(ends)).toEqual([...names(4), undefined])
  expect(await enter('late')).toBeUndefined()
  expect(begun).toEqual(names(4))
})
