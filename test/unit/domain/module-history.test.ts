import { expect, test } from 'vitest'
import { keyOf, type ModuleChanges, type Sighting, type SyncModule } from '../../../src/domain/model.ts'
import { afterList, afterReport, noProgress, unexpired } from '../../../src/domain/module-history.ts'
import { aModule, anItem, failed, requested, skipped, start } from '../../support/samples.ts'

const known: Sighting = { module: aModule(), missing: 0 }
const noChange: ModuleChanges = { found: [], renamed: [], altered: [], gone: [] }

/** The sightings and changes after these lists, one after another. */
function lists(before: readonly Sighting[], ...after: readonly (readonly SyncModule[])[]) {
  let sightings = before
  return after.map((modules) => {
    const comparison = afterList(sightings, modules, keyOf)
    sightings = comparison.sightings
    return comparison
  })
}

test('an answered request counts, ends a row of failures, and is kept with its time', () => {
  const troubled = { ...noProgress, failuresInARow: 4, requestsTotal: 7, lastFailure: failed().failure }

  const record = afterReport(troubled, requested(anItem({ requestedAt: start + 5 })))

  expect(record).toMatchObject({
    requestsTotal: 8,
    failuresInARow: 0,
    lastOutcome: 'requested',
    lastAttemptAt: start + 5,
    lastLatencyMs: 120,
    lastAccepted: {
      requestId: '670555852',
      trigger: 'schedule',
      requestedAt: start + 5,
      expiresAt: start + 600_005,
    },
  })
  expect(record.lastFailure).toBeUndefined()
})

test('a failure counts in the row and keeps what is known of the last success', () => {
  const good = afterReport(noProgress, requested())

  const record = afterReport(afterReport(good, failed()), failed({ at: start + 60_000, outcome: 'busy' }))

  expect(record).toMatchObject({
    failuresInARow: 2,
    requestsTotal: 1,
    lastOutcome: 'busy',
    lastAccepted: {
      requestId: '670555852',
      trigger: 'schedule',
      requestedAt: start,
      expiresAt: start + 600_000,
    },
  })
  expect(record.lastAttemptAt).toBe(start + 60_000)
  expect(record.lastFailure).toEqual(failed().failure)
})

test('what ended before anything was sent is a failure but no attempt', () => {
  const record = afterReport(afterReport(noProgress, requested()), failed({ at: start + 9_000, attempts: 0 }))

  expect(record.lastAttemptAt).toBe(start)
  expect(record.failuresInARow).toBe(1)
})

test('a skip repeats the one before it when the reason is the same', () => {
  const turns = [
    ...[skipped('offline'), skipped('offline'), skipped('paused'), skipped('offline')],
    ...[failed(), skipped('offline'), requested(), skipped('offline'), skipped('offline')],
  ]
  let progress = noProgress
  const repeated = turns.map((turn) => {
    progress = afterReport(progress, turn)
    return progress.lastSkip?.repeated
  })

  const none = undefined
  expect(repeated).toEqual([false, true, false, false, none, false, none, false, true])
})

test('a skip is no attempt and changes no counter', () => {
  const before = afterReport(afterReport(noProgress, requested()), failed())

  const record = afterReport(before, skipped('offline', { outcome: 'offline', at: start + 60_000 }))

  const lastSkip = { reason: 'offline', repeated: false }
  expect(record).toEqual({ ...before, lastOutcome: 'offline', lastFailure: undefined, lastSkip })
})

test('an id lives until its moment and not at it', () => {
  const items = [{ expiresAt: start }, { expiresAt: start + 1 }]

  expect(unexpired(items, start)).toEqual([{ expiresAt: start + 1 }])
})

test('a module that was not in the last list is found, once', () => {
  const [first, second] = lists([], [aModule()], [aModule()])

  expect(first?.sightings).toEqual([known])
  expect(first?.changes).toEqual({ ...noChange, found: [aModule()], altered: [aModule()] })
  expect(second?.changes).toEqual(noChange)
})

test('a new name of a module or of its network is a change, a new firmware is none', () => {
  const renamed = aModule({ name: 'Corridor' })
  const moved = aModule({ name: 'Corridor', networkName: 'Cabin' })
  const updated = aModule({ name: 'Corridor', networkName: 'Cabin', firmware: '5' })

  const changes = lists([known], [renamed], [moved], [updated]).map(
    (comparison) => comparison.changes.renamed,
  )

  expect(changes).toEqual([[renamed], [moved], []])
})

test('a module is gone, once, when three lists in a row do not show it', () => {
  const [first, second, third, fourth] = lists([known], [], [], [], [])

  expect([first, second].map((after) => after?.sightings[0]?.missing)).toEqual([1, 2])
  expect([first, second].flatMap((after) => after?.changes.gone)).toEqual([])
  const gone = { module: aModule(), missing: 3 }
  expect(third).toEqual({ sightings: [gone], changes: { ...noChange, gone: [aModule()] } })
  expect(fourth).toEqual({ sightings: [], changes: noChange })
})

test('a module that was gone and not forgotten yet is found again', () => {
  const { changes, sightings } = afterList([{ module: aModule(), missing: 3 }], [aModule()], keyOf)

  expect(changes).toEqual({ ...noChange, found: [aModule()], altered: [aModule()] })
  expect(sightings).toEqual([known])
})

test('a module that is back after a gap in the lists is no finding', () => {
  const after = lists([known], [], [], [aModule()], [], [], [aModule()]).at(-1)

  expect(after?.sightings).toEqual([known])
  expect(after?.changes).toEqual({ ...noChange, altered: [aModule()] })
})

test('altered means found, changed, missing for the first time, or back', () => {
  const full = aModule({ storage: 'memory_full' })

  const altered = lists([known], [aModule()], [full], [full], [], [], [full]).map(
    ({ changes }) => changes.altered,
  )

  expect(altered).toEqual([[], [full], [], [full], [], [full]])
})

test('what the cloud leaves out is no change when it was left out before', () => {
  const bare = aModule({ serial: undefined, storage: undefined })
  const seen = { module: bare, missing: 0 }
  const reread = JSON.parse(JSON.stringify(seen)) as Sighting

  expect(lists([reread], [bare])[0]?.changes).toEqual(noChange)
  expect(lists([known], [bare])[0]?.changes.altered).toEqual([bare])
})

test('modules that share a network or a number differ by all three ids', () => {
  const twins = [
    aModule(),
    aModule({ networkId: '2' }),
    aModule({ accountId: '3' }),
    aModule({ syncModuleId: '4' }),
  ]

  const [after] = lists([known], twins)

  expect(after?.sightings).toHaveLength(4)
  expect(after?.changes.found).toEqual(twins.slice(1))
})

test('a list that names a known module twice does not find it again', () => {
  const [after] = lists([known], [aModule(), aModule()])

  expect(after).toEqual({ sightings: [known], changes: noChange })
})
