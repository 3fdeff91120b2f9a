/** The time a run has, and what does not change it. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../support/fake-clock.ts'
import { busy, loginNeeded, outcomes, play, throttled } from '../../support/scripted.ts'

test('modules whose attempt comes after the run’s time are out of time', async () => {
  const answers = { Hall: ['501'], Barn: ['502'], Attic: ['503'] }
  const run = play({ answers, answerMs: 1_000, run: { budgetMs: 2_000 } })

  const report = await run.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'requested', Attic: 'skipped' })
  expect(report.modules[2]).toMatchObject({ kind: 'skipped', reason: 'out_of_time', attempts: 0 })
})

test('a pause that would outlast the run is not begun', async () => {
  const answers = { Hall: [busy, '501'], Barn: ['502'] }
  const short = play({ answers, answerMs: 10, run: { budgetMs: 3_010 } })
  const long = play({ answers, answerMs: 10, run: { budgetMs: 3_011 } })

  const reports = [await short.end(), await long.end()]

  expect(reports.map(outcomes)).toEqual([
    { Hall: 'busy', Barn: 'requested' },
    { Hall: 'requested', Barn: 'skipped' },
  ])
  expect(short.requestedAt('Barn')).toEqual([10])
})

test('setting the wall clock neither shortens nor lengthens a run', async () => {
  for (const jumpMs of [-86_400_000, 86_400_000]) {
    const clock = fakeClock()
    const answers = { Hall: [busy, '501'], Barn: ['502'] }
    const run = play({ clock, answers, answerMs: 10, run: { budgetMs: 3_011 } })
    await clock.advance(1_000)
    clock.setWall(clock.now() + jumpMs)

    const report = await run.end()

    expect(run.requestedAt('Hall')).toEqual([0, 3_010])
    expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'skipped' })
  }
})

test('the end of a pause is reported as the cloud named it, however long the run lasts', async () => {
  const run = play({
    answers: { Hall: [throttled], Barn: ['502'] },
    answerMs: (name) => (name === 'Hall' ? 500 : 15_000),
    parallel: 2,
  })

  const report = await run.end()

  expect(report.finishedAt).toBe(report.startedAt + 15_000)
  expect(report.account.failure?.retryAt).toBe(report.startedAt + 500 + 300_000)
})

test('the first of several errors is the one that a run is reported with', async () => {
  const run = play({
    answers: { Hall: [throttled], Barn: [loginNeeded] },
    answerMs: (name) => (name === 'Hall' ? 500 : 15_000),
    parallel: 2,
  })

  const report = await run.end()

  expect(report.account.status).toBe('throttled')
  expect(outcomes(report)).toEqual({ Hall: 'throttled', Barn: 'login_required' })
})
