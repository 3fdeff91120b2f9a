/**
 * Short visits to accounts that instances share, for a command that is none of them: it takes the lease of one account
 * after another, as any instance does, and gives it back.
 */
import pLimit from 'p-limit'
import type { Account } from '../accounts/account.ts'
import { openRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import type { BlinkId } from '../domain/model.ts'
import type { Log, Observer, Pauses } from '../domain/ports.ts'
import { openPostgresStorage } from '../storage/postgres/open.ts'
import { heldAccounts } from './leases.ts'

export interface Visits extends AsyncDisposable {
  readonly accounts: readonly BlinkId[]
  /** Keys of the credentials whose account is not known yet. */
  readonly unidentified: readonly string[]
  readonly pauses: Pauses
  /** Absent: to find out whose credentials are unknown is up to one of the instances. */
  readonly identify?: undefined
  /** `held` when another instance has worked on it all the time, `undefined` when it is gone. */
  visit<T>(accountId: BlinkId, work: (account: Account) => Promise<T>): Promise<T | 'held' | undefined>
}

export interface VisitNeeds {
  readonly settings: Settings
  readonly observer: Required<Observer>
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

const [patienceMs, againMs] = [60_000, 1_000]

export async function openVisits(needs: VisitNeeds): Promise<Visits> {
  const { settings, observer, clock, log, signal } = needs
  const { url, key, schema } = settings.store
  if (!url || !key) throw new Error('store.url and store.key were to be checked')
  await using opened = new AsyncDisposableStack()
  const storage = await openPostgresStorage({ url, key, schema, isInstance: true, clock, log })
  opened.defer(() => storage.close())
  const requestMs = settings.blink.timeoutSeconds * 1000
  const held = heldAccounts({ leases: storage.leases, requestMs, clock, log }, (accountId, reason) =>
    registry.lose(accountId, reason),
  )
  const registry = await openRegistry({
    // Credentials of the environment are taken over by whoever stays.
    settings: { ...settings, blink: { ...settings.blink, tokens: undefined } },
    ...{ storage, observer, clock, log },
    shared: { guard: held.guard, alone: (work) => work() },
  })
  opened.defer(() => registry.close())
  const over = new AbortController()
  const keeping = held.keep(over.signal)
  opened.defer(async () => {
    over.abort(new Error('over'))
    await keeping
  })
  const credentials = await storage.credentials.list()
  const inTurn = pLimit(settings.blink.concurrency)

  async function acquire(accountId: BlinkId) {
    const begun = clock.elapsed()
    for (;;) {
      const leased = await held.acquire(accountId)
      if (leased !== 'held' || clock.elapsed() - begun > patienceMs) return leased
      await clock.sleep(againMs, signal)
    }
  }

  async function visit<T>(accountId: BlinkId, work: (account: Account) => Promise<T>) {
    const leased = await acquire(accountId)
    if (leased === undefined || leased === 'held') return leased
    try {
      return await work(await registry.take(leased))
    } finally {
      const { snapshot, access } = (await registry.release(accountId)) ?? {}
      if (snapshot) await held.release(accountId, { snapshot, access, run: undefined })
      else held.drop(accountId)
    }
  }

  const parts = opened.move()
  return {
    accounts: [...new Set(credentials.flatMap(({ accountId = [] }) => accountId))],
    unidentified: credentials.flatMap(({ accountId, key: own }) => (accountId === undefined ? [own] : [])),
    pauses: storage.pauses,
    visit: (accountId, work) => inTurn(() => visit(accountId, work)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
