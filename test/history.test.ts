import { expect, test } from 'vitest'
import { afterList, afterReport, newRecord, unexpired } from '../src/history.ts'
import { keyOf, type ModuleChanges, type ModuleRecord, type SyncModule } from '../src/model.ts'
import { aModule, anItem, failed, requested, skipped, start } from './samples.ts'

const known = newRecord(aModule())
const noChange: ModuleChanges = { found: [], renamed: [], altered: [], gone: [] }

/** The records and changes after these lists, one after another. */
function lists(before: readonly ModuleRecord[], ...after: readonly (readonly SyncModule[])[]) {
  let records = before
  return after.map((modules) => {
    const comparison = afterList(records, modules, keyOf)
    records = comparison.records
    return comparison
  })
}

test('an answered request counts, ends a row of failures, and is kept with its time', () => {
  const troubled = { ...known, failuresInARow: 4, requestsTotal: 7, lastFailure: failed().failure }

  const record = afterReport(troubled, requested(anItem({ requestedAt: start + 5 })))

  expect(record).toMatchObject({
    requestsTotal: 8,
    failuresInARow: 0,
    lastOutcome: 'requested',
    lastAttemptAt: start + 5,
    lastLatencyMs: 120,
    lastItem: anItem({ requestedAt: start + 5 }),
  })
  expect(record.lastFailure).toBeUndefined()
})

test('a failed request counts in the row of failures and keeps what was known of the last good one', () => {
  const good = afterReport(known, requested())

  const record = afterReport(afterReport(good, failed()), failed({ at: start + 60_000, outcome: 'busy' }))

  expect(record).toMatchObject({
    failuresInARow: 2,
    requestsTotal: 1,
    lastOutcome: 'busy',
    lastItem: anItem(),
  })
  expect(record.lastAttemptAt).toBe(start + 60_000)
  expect(record.lastFailure).toEqual(failed().failure)
  expect(record.recent).toEqual([anItem()])
})

test('a turn that ended before anything was sent is a failure but no attempt', () => {
  const record = afterReport(afterReport(known, requested()), failed({ at: start + 9_000, attempts: 0 }))

  expect(record.lastAttemptAt).toBe(start)
  expect(record.failuresInARow).toBe(1)
})

test('a skipped turn is no attempt and changes no counter', () => {
  const before = afterReport(afterReport(known, requested()), failed())

  const record = afterReport(before, skipped('offline', { outcome: 'offline', at: start + 60_000 }))

  expect(record).toEqual({ ...before, lastOutcome: 'offline', lastFailure: undefined })
})

test('a turn brings what was seen of the module with it', () => {
  const module = aModule({ firmware: '4.6.0' })

  expect(afterReport(known, skipped('paused', { module })).module).toEqual(module)
})

test('of the recent requests those are kept that still live, newest last, and never more than fifty', () => {
  let record = known
  const ids = (kept: ModuleRecord) => kept.recent.map(({ requestId }) => requestId)
  for (let index = 0; index < 60; index++) {
    record = afterReport(record, requested(anItem({ requestId: String(index), requestedAt: start + index })))
  }
  expect(ids(record)).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 10)))

  const later = afterReport(record, requested(anItem({ requestId: '99', requestedAt: start + 58 + 600_000 })))

  expect(ids(later)).toEqual(['59', '99'])
})

test('an id lives until its moment and not at it', () => {
  const items = [{ expiresAt: start }, { expiresAt: start + 1 }]

  expect(unexpired(items, start)).toEqual([{ expiresAt: start + 1 }])
})

test('a module that was not in the last list is found, once', () => {
  const [first, second] = lists([], [aModule()], [aModule()])

  expect(first?.records).toEqual([known])
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

test('a module is forgotten when three lists in a row do not show it', () => {
  const [first, second, third] = lists([known], [], [], [])

  expect([first, second].map((after) => after?.records[0]?.missing)).toEqual([1, 2])
  expect([first, second].flatMap((after) => after?.changes.gone)).toEqual([])
  expect(third).toEqual({ records: [], changes: { ...noChange, gone: [aModule()] } })
})

test('a gap in the lists loses no counter and is no finding', () => {
  const counted = { ...known, requestsTotal: 12 }

  const after = lists([counted], [], [], [aModule()], [], [], [aModule()]).at(-1)

  expect(after?.records).toEqual([counted])
  expect(after?.changes).toEqual({ ...noChange, altered: [aModule()] })
})

test('altered is what is not as it was: found, changed in anything, missing for the first time, or back', () => {
  const full = aModule({ storage: 'memory_full' })

  const altered = lists([known], [aModule()], [full], [full], [], [], [full]).map(
    ({ changes }) => changes.altered,
  )

  expect(altered).toEqual([[], [full], [], [full], [], [full]])
})

test('what the cloud does not tell of a module is no change when it was not told before either', () => {
  const bare = aModule({ serial: undefined, storage: undefined })
  const reread = JSON.parse(JSON.stringify(newRecord(bare))) as ModuleRecord

  expect(lists([reread], [bare])[0]?.changes).toEqual(noChange)
  expect(lists([newRecord(aModule())], [bare])[0]?.changes.altered).toEqual([bare])
})

test('modules that share a network or a number with another are told apart by all three ids', () => {
  const twins = [
    aModule(),
    aModule({ networkId: '2' }),
    aModule({ accountId: '3' }),
    aModule({ syncModuleId: '4' }),
  ]

  const [after] = lists([known], twins)

  expect(after?.records).toHaveLength(4)
  expect(after?.changes.found).toEqual(twins.slice(1))
})

test('a list that names a known module twice neither finds it again nor forgets its counters', () => {
  const counted = { ...known, requestsTotal: 12 }

  const [after] = lists([counted], [aModule(), aModule()])

  expect(after).toEqual({ records: [counted], changes: noChange })
})
