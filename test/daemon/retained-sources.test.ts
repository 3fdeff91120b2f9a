/** What becomes of a sync module whose topics the broker has cleared. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../src/domain/errors.ts'
import type { ModuleKey } from '../../src/domain/model.ts'
import type { PublishingNeeds } from '../../src/topics/publishing.ts'
import { retainedSources } from '../../src/topics/retained-sources.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { fakeClock, settle } from '../fake-clock.ts'
import { aModule } from '../samples.ts'

async function clearedWith(forget: (key: ModuleKey) => Promise<void>) {
  const failures: unknown[] = []
  const needs = {
    ...{ settings: {}, accounts: () => [], slots: () => [], offsetOf: () => 0, clock: fakeClock() },
    stores: { ledger: { forget }, install: {} },
    fail: (error: unknown) => failures.push(error),
  } as unknown as PublishingNeeds
  retainedSources(needs, topicsBelow('b')).cleared(aModule())
  await settle()
  return failures
}

test('it is forgotten', async () => {
  const forgotten: ModuleKey[] = []

  expect(await clearedWith(async (key) => void forgotten.push(key))).toEqual([])

  expect(forgotten).toEqual([aModule()])
})

test('a disk that does not forget it is no bug, for it is cleared again on the next connection', async () => {
  expect(await clearedWith(() => Promise.reject(new StoreFailed('cannot write state.db')))).toEqual([])

  const bug = new TypeError('a bug')
  expect(await clearedWith(() => Promise.reject(bug))).toEqual([bug])
})
