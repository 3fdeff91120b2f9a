/** What ends a tick before its last module, and what is said of the modules that are left. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CloudChanged, type DaemonError } from '../../../src/domain/errors.ts'
import {
  type Answer,
  answerLost,
  busy,
  diskFull,
  loginNeeded,
  modulesNamed,
  notSent,
  outcomes,
  type Play,
  play,
  refused,
  throttled,
} from '../../support/scripted.ts'

test('three modules in a row without an answer end the run, the rest unreachable', async () => {
  const none = [notSent, notSent, notSent]
  const tick = play({ answers: { Hall: none, Barn: none, Attic: none, Shed: ['504'], Loft: ['505'] } })

  const report = await tick.end()

  expect(tick.asked('Shed')).toEqual([])
  expect(report.modules.slice(3)).toMatchObject([
    { kind: 'failed', outcome: 'unreachable', attempts: 0 },
    { kind: 'failed', outcome: 'unreachable', attempts: 0 },
  ])
  expect(report.account).toMatchObject({ status: 'unreachable', failure: { code: 'cloud_unreachable' } })
})

test('a module that was never asked is not said to have perhaps been asked', async () => {
  const answers = { Hall: [answerLost], Barn: [answerLost], Attic: [answerLost], Shed: ['504'] }
  const tick = play({ answers })

  const report = await tick.end()

  expect(outcomes(report)).toEqual({
    Hall: 'unknown',
    Barn: 'unknown',
    Attic: 'unknown',
    Shed: 'unreachable',
  })
})

test('an answer of any kind between them starts the count of silent modules anew', async () => {
  const answers = {
    Hall: [answerLost],
    Barn: [answerLost],
    Attic: [refused],
    Shed: [answerLost],
    Loft: [answerLost],
    Porch: ['506'],
    Cellar: [answerLost],
  }
  const tick = play({ answers })

  const report = await tick.end()

  expect(outcomes(report).Cellar).toBe('unknown')
  expect(tick.asked('Cellar')).toHaveLength(1)
  expect(report.account.status).toBe('ok')
})

const forAll: readonly { what: string; error: DaemonError; outcome: string; status: string }[] = [
  { what: 'a throttle', error: throttled, outcome: 'throttled', status: 'throttled' },
  { what: 'a refused login', error: loginNeeded, outcome: 'login_required', status: 'login_required' },
]

for (const { what, error, outcome, status } of forAll) {
  test(`${what} ends the asking of the whole account, and the rest are reported with it`, async () => {
    const tick = play({ answers: { Hall: ['501'], Barn: [error], Attic: ['503'], Shed: ['504'] } })

    const report = await tick.end()

    expect([...tick.asked('Attic'), ...tick.asked('Shed')]).toEqual([])
    expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: outcome, Attic: outcome, Shed: outcome })
    expect(report.account).toMatchObject({ status, failure: { code: error.code } })
    expect(tick.kept).toHaveLength(4)
  })

  test(`after ${what}, a module that waits to be asked again is not asked again`, async () => {
    const tick = play({ answers: { Hall: [busy, '501'], Barn: [error] }, needs: { parallel: 2 } })

    await tick.end()

    expect(tick.asked('Hall')).toEqual([0])
  })
}

test('a module its owner does not want is not spoken of when the tick is ended for all', async () => {
  const tick = play({
    answers: { Hall: [throttled] },
    modules: modulesNamed('Hall', 'Barn'),
    needs: { reasonToSkip: ({ name }) => (name === 'Barn' ? 'excluded' : undefined) },
  })

  const report = await tick.end()

  expect(report.modules[1]).toMatchObject({ kind: 'skipped', reason: 'excluded' })
})

const cannotKeepHall: Play['refusesToKeep'] = ({ module }) => (module.name === 'Hall' ? diskFull : undefined)

test('with nowhere to keep an answer, no more are asked for', async () => {
  const tick = play({ answers: { Hall: ['501'], Barn: ['502'] }, refusesToKeep: cannotKeepHall })

  const report = await tick.end()

  expect(tick.asked('Barn')).toEqual([])
  expect(report.modules).toMatchObject([
    { kind: 'failed', outcome: 'error', attempts: 1, failure: { code: 'store_failed' } },
    { kind: 'failed', outcome: 'error', attempts: 0, failure: { code: 'store_failed' } },
  ])
  expect(report.account.failure).toMatchObject({
    code: 'store_failed',
    remedy: 'The disk is full: make room.',
  })
  expect(tick.told).toEqual(report.modules)
})

test('a waiting module is not requested again with nowhere to keep an answer', async () => {
  const answers = { Hall: ['501'], Barn: [busy, '502'] }
  const tick = play({ answers, refusesToKeep: cannotKeepHall, needs: { parallel: 2 } })

  await tick.end()

  expect(tick.asked('Barn')).toEqual([0])
})

test('when the room for another answer is gone, the last is kept and requests end', async () => {
  const tick = play({
    answers: { Hall: ['501'], Barn: ['502'] },
    trouble: (kept) => (kept > 0 ? diskFull : undefined),
  })

  const report = await tick.end()

  expect(tick.asked('Barn')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'error' })
  expect(report.account.failure).toMatchObject({ code: 'store_failed' })
})

test('a list of modules that cannot be kept ends the tick before anything is asked', async () => {
  const tick = play({ answers: { Hall: ['501'] }, known: modulesNamed('Hall'), refusesList: diskFull })

  const report = await tick.end()

  expect(tick.asked('Hall')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'error' })
  expect(report.changes).toBeUndefined()
})

test('without a list from the cloud the known modules are reported, none requested', async () => {
  const tick = play({
    answers: { Hall: ['501'] },
    known: modulesNamed('Hall', 'Barn'),
    discovery: [loginNeeded],
  })

  const report = await tick.end()

  expect(tick.asked('Hall')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'login_required', Barn: 'login_required' })
  expect(report.modules.map(({ attempts }) => attempts)).toEqual([0, 0])
  expect(report.changes).toBeUndefined()
})

test('an unanswered list does not make a manifest request unknown', async () => {
  const changed = new CloudChanged('home screen: no JSON', { outcome: 'unknown' })
  const unanswered = play({ known: modulesNamed('Hall'), discovery: [answerLost] })
  const unreadable = play({ known: modulesNamed('Hall'), discovery: [changed] })

  const reports = [await unanswered.end(), await unreadable.end()]

  expect(reports.map(outcomes)).toEqual([{ Hall: 'unreachable' }, { Hall: 'error' }])
})

test('the question for the modules is repeated when it did nothing', async () => {
  const tick = play({ answers: { Hall: ['501'] }, discovery: [notSent, notSent] })

  const report = await tick.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(tick.asked('Hall')).toEqual([8_000])
})

const outcomeOfAnswer = fc.constantFrom<Answer>(
  '7',
  busy,
  notSent,
  answerLost,
  refused,
  throttled,
  loginNeeded,
)

test('whatever the cloud answers, each module has one report, and one request', async () => {
  const scripts = fc.array(fc.array(outcomeOfAnswer, { minLength: 5, maxLength: 5 }), { maxLength: 7 })
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 1, max: 4 }), async (lists, parallel) => {
      const answers = Object.fromEntries(lists.map((list, index) => [`M${index}`, list]))
      const tick = play({ answers, answerMs: 700, needs: { parallel } })

      const report = await tick.end()

      expect(report.modules.map(({ module }) => module.name).sort()).toEqual(Object.keys(answers).sort())
      expect(tick.told).toEqual(report.modules)
      expect(tick.kept).toEqual(report.modules)
      expect(tick.twiceAtOnce).toBe(false)
      expect(tick.mostAtOnce).toBeLessThanOrEqual(parallel)
      for (const { module, attempts } of report.modules)
        expect(tick.asked(module.name)).toHaveLength(attempts)
    }),
    { numRuns: 50 },
  )
})
