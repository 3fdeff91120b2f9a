import { expect, test } from 'vitest'
import { killMoments, planOf } from '../chaos/plan.ts'
import { runChaos } from '../chaos/run.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { clipSteps } from '../support/step-trap.ts'

/** A seed whose plan has a little of everything in a few seconds. */
const short = { seed: 300, lengthMs: 14_000 }
/** The daemon is to be killed at several steps of saving a clip. */
const withClips = { seed: 331, lengthMs: 12_000, clips: true }
const home = { accounts: [8_001, 8_002], modules: 6 }

mosquittoTest('nothing is lost while cloud, broker and daemon fall over at random', async () => {
  const { signal } = new AbortController()

  const report = await runChaos({ ...short, signal, tell: () => undefined })

  // How soon each rule is kept is judged by `npm run chaos`, on a machine that does nothing else.
  expect(report.deliveries.lost).toEqual([])
  // Something has happened, or nothing was proved; which faults a busy machine meets in this time is chance.
  expect(report.deliveries.delivered).toBeGreaterThan(10)
  expect(report.daemon.starts).toBeGreaterThan(3)
  expect(Object.keys(report.broker).join()).toContain('kill')
})

mosquittoTest('every clip is saved once and announced, whatever falls over on the way to it', async () => {
  const { signal } = new AbortController()

  const report = await runChaos({ ...withClips, signal, tell: () => undefined })

  expect(report.clips?.failures).toEqual([])
  expect(report.deliveries.lost).toEqual([])
  expect(report.clips?.saved).toBeGreaterThan(5)
  expect(Object.keys(report.daemon.ends).join()).toMatch(/killed (before|after) \w/)
})

test('a seed gives the same plan, and another one another', () => {
  const plan = planOf({ ...home, ...short })

  expect(planOf({ ...home, ...short })).toEqual(plan)
  expect(planOf({ ...home, ...short, seed: short.seed + 1 })).not.toEqual(plan)
})

test('in twenty minutes the daemon is killed at every kind of moment', () => {
  const { daemon } = planOf({ ...home, seed: 2, lengthMs: 20 * 60_000 })

  const moments = daemon.filter(({ deed }) => deed.kind === 'kill').map(({ deed }) => deed.moment)
  expect(new Set(moments)).toEqual(new Set(killMoments))
})

test('with clips it is killed at each step of saving one as well', () => {
  const { daemon } = planOf({ ...home, seed: 2, lengthMs: 40 * 60_000, clips: true })

  const moments = daemon.filter(({ deed }) => deed.kind === 'kill').map(({ deed }) => deed.moment)
  expect(new Set(moments)).toEqual(new Set([...killMoments, ...clipSteps]))
})
