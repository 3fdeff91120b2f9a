/** An account run that is stopped, and one that meets a bug. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../support/fake-clock.ts'
import { busy, finish, modulesNamed, outcomes, type Play, play } from '../../support/scripted.ts'

test('a stopped run stores the answer of the request in flight and requests no more', async () => {
  const stop = new AbortController()
  const answers = { Hall: ['501'], Barn: ['502'] }
  const run = play({ answers, answerMs: 1_000, stopping: stop.signal })
  await run.clock.advance(500)
  stop.abort(new Error('stopped'))

  const report = await run.end()

  expect(run.stored).toMatchObject([{ kind: 'requested', item: { requestId: '501' } }])
  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(run.requestedAt('Barn')).toEqual([])
})

test('a stopped run waits for no pause', async () => {
  const stop = new AbortController()
  const run = play({ answers: { Hall: [busy, '501'], Barn: ['502'] }, stopping: stop.signal })
  await run.clock.advance(500)
  stop.abort(new Error('stopped'))

  const report = await run.running

  expect(run.clock.elapsed()).toBe(500)
  expect(outcomes(report)).toEqual({ Hall: 'busy' })
  expect(run.requestedAt('Hall')).toEqual([0])
})

test('a run that is stopped before its list came requests no module', async () => {
  const stop = new AbortController()
  stop.abort(new Error('stopped'))
  const run = play({ answers: { Hall: ['501'] }, stopping: stop.signal })

  await run.end()

  expect(run.requestedAt('Hall')).toEqual([])
})

test('a request in flight is ended only by the abort signal', async () => {
  const abort = new AbortController()
  const clock = fakeClock()
  const seen: AbortSignal[] = []
  const run = play({
    clock,
    modules: [],
    abort: abort.signal,
    cloud: {
      discover: async (signal) => {
        seen.push(signal)
        return modulesNamed('Hall')
      },
      requestManifest: async (_, signal) => {
        seen.push(signal)
        return { requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }
      },
    },
  })

  await run.end()

  expect(seen).toEqual([abort.signal, abort.signal])
})

const bug = new TypeError('x is not a function')

test('a bug in a request is no failure of a module: it ends the run as a bug', async () => {
  const run = play({ answers: { Hall: [bug], Barn: ['502'] } })

  await expect(run.end()).rejects.toBe(bug)
  expect(run.requestedAt('Barn')).toEqual([])
})

test('a bug in storage ends the run as a bug', async () => {
  const answers = { Hall: ['501'] }
  const plays: readonly Play[] = [
    { answers, refusesToStore: () => bug },
    { answers, refusesList: bug },
    { answers, discovery: [bug] },
  ]

  for (const buggy of plays) await expect(play(buggy).end()).rejects.toBe(bug)
})

test('after a bug nothing more is requested, with several modules at a time as well', async () => {
  const answers = { Hall: [bug], Barn: ['502'], Attic: ['503'], Shed: ['504'] }
  const run = play({ answers, answerMs: 1_000, parallel: 2 })

  await expect(finish(run.running, run.clock)).rejects.toBe(bug)
  await run.clock.advance(60_000)
  expect([...run.requestedAt('Attic'), ...run.requestedAt('Shed')]).toEqual([])
})

test('a request that is aborted before it was sent is not reported', async () => {
  const abort = new AbortController()
  const reason = new Error('stopped')
  const answers = { Hall: ['501'], Barn: [reason], Attic: ['503'] }
  const run = play({ answers, answerMs: 1_000, abort: abort.signal, stopping: abort.signal })
  await run.clock.advance(1_500)
  abort.abort(reason)

  const report = await run.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(report.account).toEqual({ status: 'ok' })
})
