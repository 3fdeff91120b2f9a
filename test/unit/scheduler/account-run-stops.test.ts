/** A tick that is told to stop, and a tick that meets a bug. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../support/fake-clock.ts'
import { busy, finish, modulesNamed, outcomes, type Play, play } from '../../support/scripted.ts'

test('a stopped run waits for the request in flight, keeps its id and ends', async () => {
  const stop = new AbortController()
  const answers = { Hall: ['501'], Barn: ['502'] }
  const tick = play({ answers, answerMs: 1_000, needs: { stopping: stop.signal } })
  await tick.clock.advance(500)
  stop.abort(new Error('stopped'))

  const report = await tick.end()

  expect(tick.kept).toMatchObject([{ kind: 'requested', item: { requestId: '501' } }])
  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(tick.asked('Barn')).toEqual([])
})

test('told to stop, a tick waits for no pause', async () => {
  const stop = new AbortController()
  const tick = play({ answers: { Hall: [busy, '501'], Barn: ['502'] }, needs: { stopping: stop.signal } })
  await tick.clock.advance(500)
  stop.abort(new Error('stopped'))

  const report = await tick.running

  expect(tick.clock.elapsed()).toBe(500)
  expect(outcomes(report)).toEqual({ Hall: 'busy' })
  expect(tick.asked('Hall')).toEqual([0])
})

test('told to stop before the modules are known, a tick asks none of them', async () => {
  const stop = new AbortController()
  stop.abort(new Error('stopped'))
  const tick = play({ answers: { Hall: ['501'] }, needs: { stopping: stop.signal } })

  await tick.end()

  expect(tick.asked('Hall')).toEqual([])
})

test('a request in flight is ended only by the signal that is meant for it', async () => {
  const abort = new AbortController()
  const clock = fakeClock()
  const seen: AbortSignal[] = []
  const tick = play({
    clock,
    modules: [],
    needs: {
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
    },
  })

  await tick.end()

  expect(seen).toEqual([abort.signal, abort.signal])
})

const bug = new TypeError('x is not a function')

test('a bug while asking is no failure of a module, but ends the tick as what it is', async () => {
  const tick = play({ answers: { Hall: [bug], Barn: ['502'] } })

  await expect(tick.end()).rejects.toBe(bug)
  expect(tick.asked('Barn')).toEqual([])
})

test('a bug in keeping or telling ends the tick as what it is', async () => {
  const answers = { Hall: ['501'] }
  const tell = () => {
    throw bug
  }
  const plays: readonly Play[] = [
    { answers, refusesToKeep: () => bug },
    { answers, refusesList: bug },
    { answers, discovery: [bug] },
    { answers, needs: { tell } },
  ]

  for (const buggy of plays) await expect(play(buggy).end()).rejects.toBe(bug)
})

test('after a bug nothing more is requested, also with several in flight', async () => {
  const answers = { Hall: [bug], Barn: ['502'], Attic: ['503'], Shed: ['504'] }
  const tick = play({ answers, answerMs: 1_000, needs: { parallel: 2 } })

  await expect(finish(tick.running, tick.clock)).rejects.toBe(bug)
  await tick.clock.advance(60_000)
  expect([...tick.asked('Attic'), ...tick.asked('Shed')]).toEqual([])
})

test('after a bug in telling of a skipped module nothing more is asked either', async () => {
  const tick = play({
    answers: { Barn: ['502'], Attic: ['503'] },
    modules: modulesNamed('Hall', 'Barn', 'Attic'),
    answerMs: 1_000,
    needs: {
      parallel: 2,
      reasonToSkip: ({ name }) => (name === 'Hall' ? 'paused' : undefined),
      tell({ module }) {
        if (module.name === 'Hall') throw bug
      },
    },
  })

  await expect(finish(tick.running, tick.clock)).rejects.toBe(bug)
  await tick.clock.advance(60_000)
  expect(tick.asked('Attic')).toEqual([])
})

test('a request that is cut off before it was sent is nothing to report', async () => {
  const abort = new AbortController()
  const reason = new Error('stopped')
  const answers = { Hall: ['501'], Barn: [reason], Attic: ['503'] }
  const tick = play({ answers, answerMs: 1_000, needs: { abort: abort.signal, stopping: abort.signal } })
  await tick.clock.advance(1_500)
  abort.abort(reason)

  const report = await tick.end()

  expect(outcomes(report)).toEqual({ Hall: 'requested' })
  expect(report.account).toEqual({ status: 'ok' })
})
