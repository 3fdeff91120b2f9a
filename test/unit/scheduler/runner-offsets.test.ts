/** The load on the cloud inside the window after a run, with the real runner and accounts that only request. */
import { expect, test } from 'vitest'
import { offsetsInWindow } from '../../../src/scheduler/timetable.ts'
import {
  accountNeeds,
  bareAccount,
  quietCloud,
  runnerOf,
  steadyTimes,
} from '../../support/account-fixture.ts'
import { aModule } from '../../support/samples.ts'

const windowMs = 60_000

/** Numbers that look random, the same in every run. */
function scattered(count: number): readonly string[] {
  let state = 20_261_123
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return String(10_000 + (state % 9_000_000))
  })
}

const homes: readonly (readonly [string, readonly string[]])[] = [
  ['numbers in a row', Array.from({ length: 600 }, (_, index) => String(8_000 + index))],
  ['numbers far apart', scattered(600)],
]

/** One run of these accounts; when the account runs began, and when each request was sent. */
async function oneRun(names: readonly string[]) {
  const parts = await accountNeeds()
  const { clock } = parts
  const begun: number[] = []
  const requests: number[] = []
  const request = async (answerMs: number) => {
    requests.push(clock.elapsed())
    await clock.sleep(answerMs)
  }
  const accounts = names.map((accountId) =>
    bareAccount(clock, {
      accountId,
      cloud: {
        async discover() {
          begun.push(clock.elapsed())
          await request(150)
          return ['1', '2'].map((syncModuleId) => aModule({ accountId, syncModuleId }))
        },
        async requestManifest(module, signal) {
          await request(110)
          return quietCloud.requestManifest(module, signal)
        },
      },
    }),
  )
  const times = { ...steadyTimes(clock), offsetOf: offsetsInWindow(() => names, windowMs) }
  const { runner } = runnerOf(accounts, { ...parts, times })
  const running = runner.run('schedule')
  await clock.advance(windowMs + 5_000)
  await running
  return { begun, requests }
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

test.each(homes)('600 accounts with %s load the cloud evenly', async (_, names) => {
  const { begun, requests } = await oneRun(names)

  expect([begun.length, requests.length]).toEqual([600, 1_800])
  expect(peakOverMean(begun)).toBeLessThanOrEqual(1.2)
  expect(peakOverMean(requests)).toBeLessThanOrEqual(1.5)
})

test('an account has the same offset after each run and after a restart', async () => {
  const names = scattered(50)
  const [first, again] = [await oneRun(names), await oneRun([...names].reverse())]

  expect(new Set(again.begun)).toEqual(new Set(first.begun))
  expect(new Set(first.begun).size).toBe(50)
})
