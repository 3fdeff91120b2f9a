/** The history of attempts is written beside the work, and nothing waits for it. */
import { expect, test } from 'vitest'
import { type Attempt, fateOf } from '../../../src/domain/attempt.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { AttemptHistory } from '../../../src/domain/ports.ts'
import { manifestRequested } from '../../../src/domain/work-item.ts'
import { recordAttempts } from '../../../src/web/attempts.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, anItem, failed, requested, skipped, start } from '../../support/samples.ts'

type Recorded = Parameters<AttemptHistory['record']>
const run = { tickId: new Date(start).toISOString(), trigger: 'schedule', budgetMs: 60_000 } as const
const { accountId, networkId, syncModuleId } = aModule()
const module = { accountId, networkId, syncModuleId }

/** A recorder whose writes can be read; `answer` is what a write comes to. */
function recorder({ modules = 3, answer = () => Promise.resolve() } = {}) {
  const clock = fakeClock()
  const written: Recorded[] = []
  const world = { modules, answer }
  const history = {
    record: (...batch: Recorded) => {
      written.push(batch)
      return world.answer()
    },
  }
  const failures: unknown[] = []
  const ledger = { count: async () => world.modules }
  const opened = recordAttempts({ history, ledger, clock, fail: (error) => failures.push(error) })
  const finish = (
    ...reports: readonly Parameters<NonNullable<typeof opened.observer.moduleFinished>>[0][]
  ) => {
    for (const report of reports) opened.observer.moduleFinished?.(report, run)
  }
  const deliver = (item: ReturnType<typeof anItem>) =>
    opened.observer.eventDelivered?.(manifestRequested(item))
  return { ...opened, clock, written, world, failures, finish, deliver }
}

test('attempts of all outcomes are written together, without what is not needed', async () => {
  const { clock, written, finish } = recorder()

  finish(requested(), failed({ at: start + 1, outcome: 'busy' }), skipped('paused', { at: start + 2 }))
  expect(written).toEqual([])
  await clock.advance(1_000)

  const accepted = { requestId: '670555852', expiresAt: start + 600_000, deliveredAt: undefined }
  const none = { latencyMs: undefined, accepted: undefined }
  expect(written).toEqual([
    [
      [
        { module, at: start, outcome: 'requested', latencyMs: 120, accepted },
        { module, at: start + 1, outcome: 'busy', ...none },
        { module, at: start + 2, outcome: 'skipped', ...none },
      ],
      [],
    ],
  ])
})

test('a delivery joins an attempt that was not written yet', async () => {
  const { clock, written, finish, deliver } = recorder()
  finish(requested())
  await clock.advance(300)

  deliver(anItem())
  await clock.advance(700)

  expect(written).toMatchObject([[[{ accepted: { deliveredAt: start + 300 } }], []]])
})

test('a later delivery is written with the time of its attempt', async () => {
  const { clock, written, finish, deliver } = recorder()
  finish(requested())
  await clock.advance(5_000)

  deliver(anItem())
  await clock.advance(1_000)

  expect(written[1]).toEqual([
    [],
    [{ module, at: start, requestId: '670555852', deliveredAt: start + 5_000 }],
  ])
})

test('a backlog is written in small commits', async () => {
  const { clock, written, finish } = recorder()
  finish(...Array.from({ length: 250 }, (_, index) => failed({ at: start + index })))

  await clock.advance(2_000)

  expect(written.map(([attempts]) => attempts.length)).toEqual([100, 100, 50])
})

test('nobody waits for a disk that never answers, and what is noted has a bound', async () => {
  const { clock, written, finish, world } = recorder({ answer: () => new Promise(() => undefined) })
  finish(failed())
  await clock.advance(1_000)
  world.answer = () => Promise.resolve()

  for (let turn = 0; turn < 6; turn++) {
    finish(...Array.from({ length: 1_000 }, (_, index) => failed({ at: start + 1_000 * turn + index })))
  }
  await clock.advance(60_000)

  const sizes = written.map(([attempts]) => attempts.length)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(5_001)
})

test('a disk that refuses costs what was to be written, and is tried again later', async () => {
  const { clock, written, finish, world, failures } = recorder({
    answer: () => Promise.reject(new StoreFailed('the disk is full')),
  })
  finish(...Array.from({ length: 150 }, (_, index) => failed({ at: start + index })))
  await clock.advance(1_000)
  world.answer = () => Promise.resolve()

  await clock.advance(29_000)
  expect(written).toHaveLength(1)
  await clock.advance(1_000)

  expect(written.map(([attempts]) => attempts.length)).toEqual([100, 50])
  expect(failures).toEqual([])
})

test('with more than a thousand modules nothing is written, until there are fewer', async () => {
  const { clock, written, finish, world } = recorder({ modules: 1_001 })
  finish(requested())
  await clock.advance(60_000)
  expect(written).toEqual([])

  world.modules = 1_000
  finish(failed())
  await clock.advance(1_000)

  expect(written).toMatchObject([[[{ outcome: 'error' }], []]])
})

test('closing writes what was noted, and what comes after is not noted', async () => {
  const { clock, written, finish, close } = recorder()
  finish(...Array.from({ length: 150 }, (_, index) => failed({ at: start + index })))

  await close()
  finish(failed())
  await clock.advance(60_000)

  expect(written.map(([attempts]) => attempts.length)).toEqual([150])
})

test('an error that nobody expected is reported', async () => {
  const bug = new Error('bug')
  const { clock, finish, failures } = recorder({ answer: () => Promise.reject(bug) })

  finish(failed())
  await clock.advance(1_000)

  expect(failures).toEqual([bug])
})

test('a request ID is waiting, then delivered or expired', () => {
  const accepted: Attempt['accepted'] = { requestId: '1', expiresAt: start, deliveredAt: undefined }

  expect(fateOf(accepted, start - 1)).toBe('waiting')
  expect(fateOf(accepted, start)).toBe('expired')
  expect(fateOf({ ...accepted, deliveredAt: start - 1 }, start)).toBe('delivered')
})
