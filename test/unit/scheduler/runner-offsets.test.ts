/** The load on the cloud inside the window after a slot, with the real ticks and accounts that only ask. */
import { expect, test } from 'vitest'
import type { Account } from '../../../src/accounts/account.ts'
import { spreadOver } from '../../../src/scheduler/jitter.ts'
import { ticksOf } from '../../../src/scheduler/runner.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const windowMs = 60_000

/** Numbers that look drawn by lot, the same in every run. */
function drawn(count: number): readonly string[] {
  let state = 20_261_123
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return String(10_000 + (state % 9_000_000))
  })
}

const homes: readonly (readonly [string, readonly string[]])[] = [
  ['numbers in a row', Array.from({ length: 600 }, (_, index) => String(8_000 + index))],
  ['numbers far apart', drawn(600)],
]

/** One slot of these accounts; the seconds in which the ticks began, and those of all requests. */
async function oneSlot(names: readonly string[]) {
  const clock = fakeClock()
  const ticks: number[] = []
  const requests: number[] = []
  const accounts = names.map(
    (name): Account => ({
      loginKey: `login-${name}`,
      accountId: name,
      command: async () => undefined,
      state: { status: 'ok', since: 0, detail: undefined, retryAt: undefined },
      async tick() {
        ticks.push(clock.elapsed())
        // A home screen, and a request for each of two modules, with the answers' times between them.
        for (const answerMs of [150, 110, 110]) {
          requests.push(clock.elapsed())
          await clock.sleep(answerMs)
        }
        return undefined
      },
    }),
  )
  const told = { onlookers: { slot: () => undefined }, ticked: () => undefined }
  const stopping = new AbortController().signal
  const slots = () => [clock.now() + 300_000, clock.now() + 600_000]
  const offsetOf = spreadOver(() => names, windowMs)
  const needs = { ...told, accounts, offsetOf, mayStart: async () => true, slots, clock, stopping }
  const running = ticksOf(needs).tick('schedule')
  await clock.advance(windowMs + 5_000)
  await running
  return { ticks, requests }
}

/** The busiest second of the window over the mean of its seconds. */
function peakOverMean(moments: readonly number[]): number {
  const seconds = Array.from({ length: windowMs / 1_000 }, () => 0)
  for (const moment of moments) {
    const second = Math.floor(moment / 1_000)
    if (second < seconds.length) seconds[second] = (seconds[second] ?? 0) + 1
  }
  return Math.max(...seconds) / (moments.length / seconds.length)
}

test.each(
  homes,
)('600 accounts with %s load the cloud evenly: no second with twice the mean', async (_, names) => {
  const { ticks, requests } = await oneSlot(names)

  expect(ticks.length).toBe(600)
  expect(peakOverMean(ticks)).toBeLessThanOrEqual(1.2)
  expect(peakOverMean(requests)).toBeLessThanOrEqual(1.5)
})

test('an account has the same moment after each slot and after a restart', async () => {
  const names = drawn(50)
  const [first, again] = [await oneSlot(names), await oneSlot([...names].reverse())]

  expect(new Set(again.ticks)).toEqual(new Set(first.ticks))
  expect(new Set(first.ticks).size).toBe(50)
})
