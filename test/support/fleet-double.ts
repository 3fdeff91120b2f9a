/** Leases, runs and jobs in memory, for one process: what several instances of a test share. */

import { StoreFailed } from '../../src/domain/errors.ts'
import type {
  AccountLeases,
  FleetRun,
  FleetRuns,
  LeasedAccount,
  NamedLeases,
  SqlRunner,
} from '../../src/domain/fleet.ts'
import type { BlinkId } from '../../src/domain/model.ts'
import { someCredentials } from './blink-scripted.ts'
import type { FakeClock } from './fake-clock.ts'

interface Lease {
  owner: object | undefined
  until: number
}

/** A database that can be away. */
export class SharedDouble {
  readonly #clock: FakeClock
  readonly #accounts: Map<BlinkId, Lease>
  readonly #named = new Map<string, Lease>()
  readonly #runs = new Map<string, { run: FleetRun; to: BlinkId; isDone: boolean; isBusy: boolean }>()
  isAway = false

  constructor(clock: FakeClock, accountIds: readonly BlinkId[]) {
    this.#clock = clock
    this.#accounts = new Map(accountIds.map((id) => [id, { owner: undefined, until: 0 }]))
  }

  /** As one instance sees it. */
  open(): { leases: AccountLeases; named: NamedLeases } {
    const me = {}
    const held = new Set<BlinkId>()
    const lost: ((accountId: BlinkId) => void)[] = []
    const isFree = (lease: Lease) => lease.owner === undefined || lease.until < this.#clock.elapsed()
    const take = (lease: Lease, leaseMs: number) => {
      lease.owner = me
      lease.until = this.#clock.elapsed() + leaseMs
    }
    const leases: AccountLeases = {
      held,
      acquire: async (accountId, leaseMs) => {
        this.#check()
        const lease = this.#accounts.get(accountId)
        if (!lease) return undefined
        if (lease.owner !== me && !isFree(lease)) return 'held'
        take(lease, leaseMs)
        held.add(accountId)
        return leased(accountId)
      },
      renew: async (leaseMs) => {
        this.#check()
        for (const accountId of held) {
          const lease = this.#accounts.get(accountId)
          if (lease?.owner === me) take(lease, leaseMs)
          else {
            held.delete(accountId)
            for (const listener of lost) listener(accountId)
          }
        }
      },
      release: async (accountId) => {
        this.#check()
        const lease = this.#accounts.get(accountId)
        if (lease?.owner === me) lease.owner = undefined
        held.delete(accountId)
      },
      finished: async () => this.#check(),
      drop: (accountId) => void held.delete(accountId),
      waiting: async () => 0,
      fresh: async () => [],
      undelivered: async () => [],
      onLost: (listener) => void lost.push(listener),
    }
    const named: NamedLeases = {
      hold: async (name, leaseMs) => {
        this.#check()
        const lease = this.#named.get(name) ?? { owner: undefined, until: 0 }
        this.#named.set(name, lease)
        if (lease.owner !== me && !isFree(lease)) return false
        take(lease, leaseMs)
        return true
      },
      free: async (name) => {
        this.#check()
        if (this.#named.get(name)?.owner === me) this.#named.delete(name)
      },
    }
    return { leases, named }
  }

  get runs(): FleetRuns {
    return {
      begin: async (run) => {
        this.#check()
        const key = keyOf(run)
        if (this.#runs.has(key)) return false
        this.#runs.set(key, { run, to: '', isDone: false, isBusy: false })
        return true
      },
      unfinished: async () => [...this.#runs.values()].filter(({ isDone }) => !isDone).map(({ run }) => run),
      fanOut: async (run, limit, send) => {
        this.#check()
        const row = this.#runs.get(keyOf(run))
        if (!row || row.isDone || row.isBusy) return 0
        row.isBusy = true
        try {
          const next = [...this.#accounts.keys()].filter((id) => id > row.to).slice(0, limit)
          if (next.length > 0) await send(next, noSql)
          row.to = next.at(-1) ?? row.to
          row.isDone = next.length < limit
          return next.length
        } finally {
          row.isBusy = false
        }
      },
      latest: async () => Math.max(...[...this.#runs.values()].map(({ run }) => run.at)),
      lastEnded: async () => undefined,
      ended: async () => [],
    }
  }

  #check(): void {
    if (this.isAway) throw new StoreFailed('the database is away')
  }
}

const keyOf = ({ trigger, at }: FleetRun) => `${trigger} ${at}`

const noSql: SqlRunner = { executeSql: async () => ({ rows: [] }) }

function leased(accountId: BlinkId): LeasedAccount {
  return {
    accountId,
    credentials: someCredentials({ accountId }),
    ...{ access: undefined, snapshot: undefined, lastRun: undefined, isFresh: false },
  }
}
