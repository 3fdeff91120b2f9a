/** What ends a run before its last module, and what is said of the modules that are left. */
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

test('three modules in a row without an answer end the run; the rest are unreachable', async () => {
  const none = [notSent, notSent, notSent]
  const run = play({ answers: { Hall: none, Barn: none, Attic: none, Shed: ['504'], Loft: ['505'] } })

  const report = await run.end()

  expect(run.requestedAt('Shed')).toEqual([])
  expect(report.modules.slice(3)).toMatchObject([
    { kind: 'failed', outcome: 'unreachable', attempts: 0 },
    { kind: 'failed', outcome: 'unreachable', attempts: 0 },
  ])
  expect(report.account).toMatchObject({ status: 'unreachable', failure: { code: 'cloud_unreachable' } })
})

test('a module that was never requested is not reported as unknown', async () => {
  const answers = { Hall: [answerLost], Barn: [answerLost], Attic: [answerLost], Shed: ['504'] }
  const run = play({ answers })

  const report = await run.end()

  expect(outcomes(report)).toEqual({
    Hall: 'unknown',
    Barn: 'unknown',
    Attic: 'unknown',
    Shed: 'unreachable',
  })
})

test('an answer of any kind resets the count of modules without an answer', async () => {
  const answers = {
    Hall: [answerLost],
    Barn: [answerLost],
    Attic: [refused],
    Shed: [answerLost],
    Loft: [answerLost],
    Porch: ['506'],
    Cellar: [answerLost],
  }
  const run = play({ answers })

  const report = await run.end()

  expect(outcomes(report).Cellar).toBe('unknown')
  expect(run.requestedAt('Cellar')).toHaveLength(1)
  expect(report.account.status).toBe('ok')
})

const forAll: readonly { what: string; error: DaemonError; outcome: string; status: string }[] = [
  { what: 'a throttle', error: throttled, outcome: 'throttled', status: 'throttled' },
  { what: 'a refused login', error: loginNeeded, outcome: 'login_required', status: 'login_required' },
]

for (const { what, error, outcome, status } of forAll) {
  test(`${what} ends the requests of the account, and the rest are reported with it`, async () => {
    const run = play({ answers: { Hall: ['501'], Barn: [error], Attic: ['503'], Shed: ['504'] } })

    const report = await run.end()

    expect([...run.requestedAt('Attic'), ...run.requestedAt('Shed')]).toEqual([])
    expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: outcome, Attic: outcome, Shed: outcome })
    expect(report.account).toMatchObject({ status, failure: { code: error.code } })
    expect(run.stored).toHaveLength(4)
  })

  test(`after ${what}, a module that waits for a retry is not retried`, async () => {
    const run = play({ answers: { Hall: [busy, '501'], Barn: [error] }, parallel: 2 })

    await run.end()

    expect(run.requestedAt('Hall')).toEqual([0])
  })
}

test('an excluded module is skipped, also when the run has ended for all', async () => {
  const run = play({
    answers: { Hall: [throttled] },
    modules: modulesNamed('Hall', 'Barn'),
    skipReason: ({ name }) => (name === 'Barn' ? 'excluded' : undefined),
  })

  const report = await run.end()

  expect(report.modules[1]).toMatchObject({ kind: 'skipped', reason: 'excluded' })
})

const cannotStoreHall: Play['refusesToStore'] = ({ module }) =>
  module.name === 'Hall' ? diskFull : undefined

test('when an answer cannot be stored, nothing more is requested', async () => {
  const run = play({ answers: { Hall: ['501'], Barn: ['502'] }, refusesToStore: cannotStoreHall })

  const report = await run.end()

  expect(run.requestedAt('Barn')).toEqual([])
  expect(report.modules).toMatchObject([
    { kind: 'failed', outcome: 'error', attempts: 1, failure: { code: 'store_failed' } },
    { kind: 'failed', outcome: 'error', attempts: 0, failure: { code: 'store_failed' } },
  ])
  expect(report.account.failure).toMatchObject({
    code: 'store_failed',
    remedy: 'The disk is full: make room.',
  })
  expect(run.reported).toEqual(report.modules)
})

test('when an answer cannot be stored, a waiting module is not retried', async () => {
  const answers = { Hall: ['501'], Barn: [busy, '502'] }
  const run = play({ answers, refusesToStore: cannotStoreHall, parallel: 2 })

  await run.end()

  expect(run.requestedAt('Barn')).toEqual([0])
})

test('without room for another answer the last one is stored, and no more requested', async () => {
  const run = play({
    answers: { Hall: ['501'], Barn: ['502'] },
    trouble: (stored) => (stored > 0 ? diskFull : undefined),
  })

  const report = await run.end()

  expect(run.requestedAt('Barn')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'error' })
  expect(report.account.failure).toMatchObject({ code: 'store_failed' })
})

test('a list that cannot be stored ends the run before any request', async () => {
  const run = play({ answers: { Hall: ['501'] }, known: modulesNamed('Hall'), refusesList: diskFull })

  const report = await run.end()

  expect(run.requestedAt('Hall')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'error' })
  expect(report.changes).toBeUndefined()
})

test('when the list does not come, the known modules are reported and none requested', async () => {
  const run = play({
    answers: { Hall: ['501'] },
    known: modulesNamed('Hall', 'Barn'),
    discovery: [loginNeeded],
  })

  const report = await run.end()

  expect(run.requestedAt('Hall')).toEqual([])
  expect(outcomes(report)).toEqual({ Hall: 'login_required', Barn: 'login_required' })
  expect(report.modules.map(({ attempts }) => attempts)).toEqual([0, 0])
  expect(report.changes).toBeUndefined()
})

test('an unanswered list request makes no module unknown', async () => {
  const changed = new CloudChanged('home screen: no JSON', { outcome: 'unknown' })
  const unanswered = play({ known: modulesNamed('Hall'), discovery: [answerLost] })
  const unreadable = play({ known: modulesNamed('Hall'), discovery: [changed] })

  const reports = [await unanswered.end(), await unreadable.end()]

  expect(reports.map(outcomes)).toEqual([{ Hall: 'unreachable' }, { Hall: 'error' }])
})

test('a list request that certainly did nothing is repeated', async () => {
  const run = play({ answers: { Hall: ['501'] }, discovery: [notSent, notSent] })

  const report = await run.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(run.requestedAt('Hall')).toEqual([8_000])
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

test('for any answers, each module has one report and no two requests at once', async () => {
  const scripts = fc.array(fc.array(outcomeOfAnswer, { minLength: 5, maxLength: 5 }), { maxLength: 7 })
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 1, max: 4 }), async (lists, parallel) => {
      const answers = Object.fromEntries(lists.map((list, index) => [`M${index}`, list]))
      const run = play({ answers, answerMs: 700, parallel })

      const report = await run.end()

      expect(report.modules.map(({ module }) => module.name).sort()).toEqual(Object.keys(answers).sort())
      expect(run.reported).toEqual(report.modules)
      expect(run.stored).toEqual(report.modules)
      expect(run.twiceAtOnce).toBe(false)
      expect(run.mostAtOnce).toBeLessThanOrEqual(parallel)
      for (const { module, attempts } of report.modules)
        expect(run.requestedAt(module.name)).toHaveLength(attempts)
    }),
    { numRuns: 50 },
  )
})
