/** One fan-out for each run, whoever begins it and whoever dies at it. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { FleetRun } from '../../../src/domain/fleet.ts'
import { FanOut } from '../../../src/fleet/fan-out.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { SharedDouble } from '../../support/fleet-double.ts'
import { readableLog } from '../../support/samples.ts'

const going = new AbortController().signal

/** Instances that share so many accounts. */
function aFleet(count: number) {
  const clock = fakeClock()
  const accounts = Array.from({ length: count }, (_, index) => String(100_000 + index))
  const shared = new SharedDouble(clock, accounts)
  const sent: string[] = []
  const started: number[] = []
  /** @param dies before it sends this many accounts */
  const instance = (dies = Number.POSITIVE_INFINITY) => {
    let left = dies
    return new FanOut({
      runs: shared.runs,
      jobs: {
        ready: async () => undefined,
        async run(_run, accountIds) {
          left -= accountIds.length
          if (left < 0) throw new StoreFailed('killed')
          sent.push(...accountIds)
        },
      },
      observer: {
        runStarted: (_run, lateMs) => started.push(lateMs),
        runFinished: () => undefined,
      },
      clock,
      log: readableLog(),
    })
  }
  const run: FleetRun = { trigger: 'schedule', at: clock.now() }
  return { clock, accounts, shared, sent, started, instance, run }
}

test('of all instances one begins a run, and each account has one job', async () => {
  const { accounts, sent, started, instance, run } = aFleet(12_345)

  await Promise.all([instance(), instance(), instance()].map((one) => one.begin(run, going)))

  expect(started).toHaveLength(1)
  expect(sent).toEqual(accounts)
})

test('a clock that is late begins no run again', async () => {
  const { clock, sent, started, instance, run } = aFleet(3)
  await instance().begin(run, going)

  await clock.advance(90_000)
  await instance().begin(run, going)

  expect([started.length, sent.length]).toEqual([1, 3])
})

test('a death in the middle is gone on with behind the last commit', async () => {
  const { accounts, sent, instance, run } = aFleet(20_000)
  const dying = new AbortController()
  const dead = instance(10_000).begin(run, dying.signal)
  while (sent.length < 10_000) await Promise.resolve()
  dying.abort(new Error('killed'))
  void dead
  expect(sent).toHaveLength(10_000)

  await instance().resume(going)

  expect(sent).toEqual(accounts)
})

test('a database that is away delays a run and is logged once', async () => {
  const { clock, shared, sent, instance, run } = aFleet(3)
  shared.isAway = true
  const begun = instance().begin(run, going)
  await clock.advance(120_000)
  expect(sent).toEqual([])

  shared.isAway = false
  await clock.advance(2_000)
  await begun

  expect(sent).toHaveLength(3)
})
