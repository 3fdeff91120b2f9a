/** How a run asks: in which order, how often, after which pauses, and what it keeps and tells. */
import { expect, test } from 'vitest'
import { ModuleBusy } from '../../../src/domain/errors.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, start } from '../../support/samples.ts'
import { answerLost, busy, modulesNamed, notSent, outcomes, play, refused } from '../../support/scripted.ts'

test('a list is reported, and an id stored, before the next module is requested', async () => {
  const run = play({ answers: { Hall: ['501'], Barn: ['502'] } })

  await run.end()

  const happened = run.journal.map(({ what }) => what)
  expect(happened).toEqual([
    'discover',
    'listed Hall Barn',
    'request Hall',
    'answered Hall',
    'stored Hall',
    'request Barn',
    'answered Barn',
    'stored Barn',
  ])
})

test('a failure is stored before the next module is requested', async () => {
  const run = play({ answers: { Hall: [refused], Barn: ['502'] } })

  await run.end()

  const happened = run.journal.map(({ what }) => what)
  expect(happened.indexOf('stored Hall')).toBeLessThan(happened.indexOf('request Barn'))
})

test('the modules of an account are requested one after another', async () => {
  const run = play({ answers: { Hall: ['501'], Barn: ['502'], Attic: ['503'] }, answerMs: 1_000 })

  await run.end()

  expect(run.mostAtOnce).toBe(1)
  expect([run.requestedAt('Hall'), run.requestedAt('Barn'), run.requestedAt('Attic')]).toEqual([
    [0],
    [1_000],
    [2_000],
  ])
})

test('as many modules as permitted are requested at the same time, and no more', async () => {
  const answers = { Hall: ['501'], Barn: ['502'], Attic: ['503'], Shed: ['504'], Loft: ['505'] }
  const run = play({ answers, answerMs: 1_000, parallel: 3 })

  const report = await run.end()

  expect(run.mostAtOnce).toBe(3)
  expect(run.requestedAt('Shed')).toEqual([1_000])
  expect(report.modules).toHaveLength(5)
})

test('a module that the cloud lists twice is requested once', async () => {
  const [hall = aModule()] = modulesNamed('Hall')
  const run = play({
    answers: { Hall: ['501', '502'] },
    modules: [hall, { ...hall }],
    answerMs: 1_000,
    parallel: 2,
  })

  const report = await run.end()

  expect(run.twiceAtOnce).toBe(false)
  expect(report.modules).toHaveLength(1)
})

test('a module that fails never hides another', async () => {
  const run = play({ answers: { Hall: [refused], Barn: [answerLost], Attic: ['503'], Shed: [refused] } })

  const report = await run.end()

  expect(outcomes(report)).toEqual({ Hall: 'error', Barn: 'unknown', Attic: 'requested', Shed: 'error' })
  expect(report.account).toEqual({ status: 'ok' })
})

test('a busy module is retried after 3, 8, 15 and 25 seconds, and then is busy', async () => {
  const run = play({ answers: { Hall: [busy, busy, busy, busy, busy], Barn: ['502'] } })

  const report = await run.end()

  expect(run.requestedAt('Hall')).toEqual([0, 3_000, 11_000, 26_000, 51_000])
  expect(report.modules[0]).toMatchObject({ kind: 'failed', outcome: 'busy', attempts: 5 })
  expect(report.modules[0]).toHaveProperty('failure.bodyCode', 307)
  expect(outcomes(report).Barn).toBe('requested')
})

test('chance makes a pause up to a quarter longer and never shorter', async () => {
  const run = play({ answers: { Hall: [busy, busy, '501'] }, clock: fakeClock(start, 0.5) })

  await run.end()

  expect(run.requestedAt('Hall')).toEqual([0, 3_375, 3_375 + 9_000])
})

test('a pause that the cloud named is waited for in full', async () => {
  const named = new ModuleBusy('busy', { outcome: 'not-done', retryAfterMs: 40_000 })
  const run = play({ answers: { Hall: [named, '501'] } })

  await run.end()

  expect(run.requestedAt('Hall')).toEqual([0, 40_000])
})

test('a request that may have reached the cloud is not repeated in the run', async () => {
  const run = play({ answers: { Hall: [answerLost, '501'] } })

  const report = await run.end()

  expect(run.requestedAt('Hall')).toEqual([0])
  expect(report.modules[0]).toMatchObject({ outcome: 'unknown', attempts: 1 })
})

test('a request that certainly did nothing is retried after 2 and 6 seconds, then given up', async () => {
  const run = play({ answers: { Hall: [notSent, notSent, notSent], Barn: [notSent, '502'] } })

  const report = await run.end()

  expect(run.requestedAt('Hall')).toEqual([0, 2_000, 8_000])
  expect(report.modules[0]).toMatchObject({ outcome: 'unreachable', attempts: 3 })
  expect(report.modules[1]).toMatchObject({ kind: 'requested', attempts: 2, item: { attempt: 2 } })
})

test('a stored answer has everything that a poller needs', async () => {
  const clock = fakeClock()
  const run = play({
    answers: { Hall: [busy, '9223372036854775807'] },
    clock,
    answerMs: 250,
    run: { trigger: 'once' },
  })

  await run.end()

  const at = start + 250 + 3_000 + 250
  expect(run.stored).toEqual([
    {
      kind: 'requested',
      module: modulesNamed('Hall')[0],
      at,
      attempts: 2,
      latencyMs: 250,
      item: {
        accountId: '8021',
        networkId: '100',
        syncModuleId: '500',
        eventId: expect.stringMatching(
          /^0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        ),
        requestId: '9223372036854775807',
        trigger: 'once',
        tickId: '2026-11-23T09:00:00.000Z',
        attempt: 2,
        pollPath: '/manifest/9223372036854775807',
        pollUrl: 'https://rest.test/manifest/9223372036854775807',
        requestedAt: at,
        expiresAt: at + 600_000,
      },
    },
  ])
})

test('each module is reported once, when it is done, and the run’s report has the same', async () => {
  const run = play({ answers: { Hall: ['501'], Barn: [busy, '502'], Attic: [refused] } })
  await run.clock.advance(0)
  expect(run.reported.map(({ module }) => module.name)).toEqual(['Hall'])

  const report = await run.end()

  expect(run.reported.map(({ module }) => module.name)).toEqual(['Hall', 'Barn', 'Attic'])
  expect(report.modules).toEqual(run.reported)
})

test('no id is reported before it is stored', async () => {
  const reportedBeforeStored: string[] = []
  const run = play({
    answers: { Hall: ['501'] },
    moduleFinished({ module }) {
      if (!run.stored.some((report) => report.module.name === module.name))
        reportedBeforeStored.push(module.name)
    },
  })

  await run.end()

  expect(reportedBeforeStored).toEqual([])
})

test('a module that is not eligible is skipped for its reason, without a request', async () => {
  const run = play({
    answers: { Hall: ['501'] },
    modules: modulesNamed('Hall', 'Barn', 'Attic'),
    skipReason: ({ name }) => ({ Barn: 'offline' as const, Attic: 'excluded' as const })[name],
  })

  const report = await run.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested', Barn: 'offline', Attic: 'skipped' })
  expect(report.modules[2]).toMatchObject({ kind: 'skipped', reason: 'excluded', attempts: 0 })
  expect(run.requestedAt('Barn')).toEqual([])
})

test('a report has the times of the run and the changes of the list', async () => {
  const run = play({ answers: { Hall: [busy, '501'] } })

  const report = await run.end()

  expect(report).toMatchObject({ accountId: '8021', startedAt: start, finishedAt: start + 3_000 })
  expect(report.changes?.found.map(({ name }) => name)).toEqual(['Hall'])
})
