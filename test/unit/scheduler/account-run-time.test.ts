/** The time a tick has, and what does not change it. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../support/fake-clock.ts'
import { busy, loginNeeded, outcomes, play, throttled } from '../../support/scripted.ts'

test('modules whose turn comes after the time of the tick are reported as out of time', async () => {
  const answers = { Hall: ['501'], Barn: ['502'], Attic: ['503'] }
  const tick = play({ answers, answerMs: 1_000, slot: { budgetMs: 2_000 } })

  const report = await tick.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'requested', Attic: 'skipped' })
  expect(report.modules[2]).toMatchObject({ kind: 'skipped', reason: 'out_of_time', attempts: 0 })
})

test('a pause that would outlast the tick is not begun', async () => {
  const answers = { Hall: [busy, '501'], Barn: ['502'] }
  const short = play({ answers, answerMs: 10, slot: { budgetMs: 3_010 } })
  const long = play({ answers, answerMs: 10, slot: { budgetMs: 3_011 } })

  const reports = [await short.end(), await long.end()]

  expect(reports.map(outcomes)).toEqual([
    { Hall: 'busy', Barn: 'requested' },
    { Hall: 'requested', Barn: 'skipped' },
  ])
  expect(short.asked('Barn')).toEqual([10])
})

test('setting the wall clock neither shortens nor lengthens a tick', async () => {
  for (const jumpMs of [-86_400_000, 86_400_000]) {
    const clock = fakeClock()
    const answers = { Hall: [busy, '501'], Barn: ['502'] }
    const tick = play({ clock, answers, answerMs: 10, slot: { budgetMs: 3_011 } })
    await clock.advance(1_000)
    clock.setWall(clock.now() + jumpMs)

    const report = await tick.end()

    expect(tick.asked('Hall')).toEqual([0, 3_010])
    expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'skipped' })
  }
})

test('the end of a pause is reported as the cloud named it, however long the run', async () => {
  const tick = play({
    answers: { Hall: [throttled], Barn: ['502'] },
    answerMs: (name) => (name === 'Hall' ? 500 : 15_000),
    needs: { parallel: 2 },
  })

  const report = await tick.end()

  expect(report.finishedAt).toBe(report.startedAt + 15_000)
  expect(report.account.failure?.retryAt).toBe(report.startedAt + 500 + 300_000)
})

test('the first of several reasons is the one that the end of a tick is told by', async () => {
  const tick = play({
    answers: { Hall: [throttled], Barn: [loginNeeded] },
    answerMs: (name) => (name === 'Hall' ? 500 : 15_000),
    needs: { parallel: 2 },
  })

  const report = await tick.end()

  expect(report.account.status).toBe('throttled')
  expect(outcomes(report)).toEqual({ Hall: 'throttled', Barn: 'login_required' })
})
