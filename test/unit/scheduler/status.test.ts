/** The state as pages, topics and commands show it. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { type AccountSnapshot, keyOf, type SyncModule } from '../../../src/domain/model.ts'
import { type StatusNeeds, statusReader } from '../../../src/scheduler/status.ts'
import { bareAccount } from '../../support/account-fixture.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { memoryLedger } from '../../support/memory-ledger.ts'
import { aModule } from '../../support/samples.ts'

const hall = aModule()
const stranger = aModule({ accountId: '9001', name: 'Boat' })

interface Options {
  readonly account?: Partial<AccountSnapshot>
  readonly modules?: readonly SyncModule[]
  readonly paused?: boolean
  readonly exclude?: readonly string[]
  readonly unidentified?: readonly string[]
  readonly unreadable?: Error
}

/** A reader whose next runs come at 300 and 600 seconds, with an offset of seven. */
function readerOf({ account = {}, modules = [hall], paused = false, ...rest }: Options = {}) {
  const clock = fakeClock()
  const known = bareAccount(clock)
  const { exclude = [], unidentified = [], unreadable } = rest
  const snapshot = { ...known.snapshot, ...account }
  const shown = { ...known, snapshot, exclusively: known.exclusively }
  const storage: StatusNeeds['storage'] = {
    ledger: memoryLedger({ known: modules, unreadable: () => unreadable }),
    outbox: { count: async () => 2 },
    pauses: { isPaused: async () => paused, set: async () => undefined },
    clips: {
      module: async () => undefined,
      totals: async () => ({ downloaded: 0, failed: 0, bytes: 0 }),
      storageReading: async () => ({ usedPercent: 31, full: false, warning: 0, readAt: 0 }),
      camera: async () => undefined,
    },
  }
  const broker = { connected: true, protocol: 5, since: 0, lastError: undefined, reconnects: 0 } as const
  return statusReader({
    version: '0.1.0',
    registry: {
      accounts: [shown],
      get: (accountId) => (accountId === '8021' ? shown : undefined),
      unidentified,
    },
    storage,
    settings: {
      modules: { include: [], exclude, askAll: false },
      manifest: { follow: true },
      clips: { enabled: false },
    },
    times: { next: () => [300_000, 600_000], intervalMs: () => 300_000, offsetOf: () => 7_000 },
    broker: { state: broker },
    clock,
  })
}

async function nextAttempt(account: Partial<AccountSnapshot>, rest: Options = {}) {
  const { modules: [module = hall] = [] } = rest
  return (await readerOf({ account, ...rest }).module(module))?.nextAttemptAt
}

test('the next attempt is at the account’s offset after the next run', async () => {
  expect(await nextAttempt({ status: 'ok' })).toBe(307_000)
  expect(await nextAttempt({ status: 'unreachable' })).toBe(307_000)
})

test('a module that no run will request has no next attempt', async () => {
  const offline = [aModule({ connection: 'offline' })]

  expect(await nextAttempt({ status: 'ok' }, { paused: true })).toBeUndefined()
  expect(await nextAttempt({ status: 'ok' }, { modules: offline })).toBeUndefined()
  expect(await nextAttempt({ status: 'login_required' })).toBeUndefined()
  expect(await nextAttempt({ status: 'two_factor_required' })).toBeUndefined()
})

test('runs inside a pause of the account are no next attempt', async () => {
  expect(await nextAttempt({ status: 'throttled', retryAt: 307_000 })).toBe(307_000)
  expect(await nextAttempt({ status: 'throttled', retryAt: 307_001 })).toBe(607_000)
  expect(await nextAttempt({ status: 'throttled', retryAt: 607_001 })).toBeUndefined()
})

test('modules of removed accounts and excluded modules are not shown', async () => {
  const reader = readerOf({ modules: [hall, stranger] })
  expect((await reader.moduleKeys()).map(keyOf)).toEqual([keyOf(hall)])
  expect(await reader.module(stranger)).toBeUndefined()

  expect(await readerOf({ exclude: ['44107'] }).moduleKeys()).toEqual([])
})

test('while an account is not known its modules are shown, and the list is not complete', async () => {
  const reader = readerOf({ modules: [hall, stranger], unidentified: ['environment-1'] })

  expect(await reader.moduleKeys()).toHaveLength(2)
  expect(await reader.module(stranger)).toMatchObject({ accountStatus: 'login_required', available: false })
  expect(await reader.isComplete()).toBe(false)
  expect(await readerOf().isComplete()).toBe(true)
})

test('a disk that cannot be read is part of the health, and hides nothing else of it', async () => {
  const failing = readerOf({ unreadable: new StoreFailed('cannot read state.db') })

  expect(await readerOf().health()).toMatchObject({ store: { state: 'ok' }, modules: 1, waiting: 2 })
  expect(await failing.health()).toMatchObject({
    store: { state: 'failing', detail: 'cannot read state.db' },
    accounts: [{ accountId: '8021' }],
    nextRunAt: 300_000,
  })
})

test('how full a drive is shows only while the drive can be read', async () => {
  const usedOf = async (storage: SyncModule['storage']) => {
    const module = aModule({ storage })
    return (await readerOf({ modules: [module] }).module(module))?.drive?.usedPercent
  }

  expect(await usedOf('active')).toBe(31)
  expect(await usedOf('memory_full')).toBe(31)
  expect(await usedOf(undefined)).toBe(31)
  expect(await usedOf('unmounted')).toBeUndefined()
  expect(await usedOf('format_required')).toBeUndefined()
})
