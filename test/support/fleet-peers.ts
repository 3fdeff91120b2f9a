/**
 * Instances of a fleet inside one process, on a real PostgreSQL: leases, jobs and runs are the real ones, and instead of
 * the cloud there is a list of what was requested.
 */
import { onTestFinished } from 'vitest'
import type { Account } from '../../src/accounts/account.ts'
import { type Clock, iso, systemClock } from '../../src/domain/clock.ts'
import type { FleetRun, LeasedAccount, SharedStorage } from '../../src/domain/fleet.ts'
import { type BlinkId, keyOf, type SyncModule } from '../../src/domain/model.ts'
import { AccountWork, type AccountWorkNeeds } from '../../src/fleet/account-work.ts'
import { FanOut } from '../../src/fleet/fan-out.ts'
import { openJobs } from '../../src/fleet/jobs.ts'
import { heldAccounts } from '../../src/fleet/leases.ts'
import { Pulse } from '../../src/fleet/pulse.ts'
import type { Postgres } from './postgres.ts'
import { type InstanceOptions, instanceOn } from './postgres-instances.ts'
import { aModule, anItem, readableLog, requested } from './samples.ts'

/** What all instances request: `run account/module`. */
export interface Requests {
  readonly sent: string[]
  /** Called with each before it is answered. */
  answer: (request: string, peer: string) => Promise<void>
}

export function noRequests(): Requests {
  return { sent: [], answer: async () => undefined }
}

export interface Peer {
  readonly storage: SharedStorage
  readonly held: ReturnType<typeof heldAccounts>
  readonly work: AccountWork
  readonly fanOut: FanOut
  readonly stopping: AbortController
  /** Works on jobs until the test ends. */
  start(): void
  begin(run: FleetRun): Promise<void>
}

export interface PeerOptions extends InstanceOptions {
  readonly name: string
  readonly schema: string
  readonly requests: Requests
  /** How far its clock is ahead. */
  readonly aheadMs?: number
  readonly modules?: number
}

const requestMs = 10_000
let ids = 0

export async function openPeer(server: Pick<Postgres, 'url'>, options: PeerOptions): Promise<Peer> {
  const { name, schema, requests, aheadMs = 0, modules: count = 2 } = options
  const storage = await instanceOn(server, schema, options)
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const log = readableLog()
  const { leases, runs, commands, marks, ledger } = storage
  const accounts = new Map<BlinkId, { account: Account; lost: AbortController; leased: LeasedAccount }>()
  const lose = (accountId: BlinkId, reason: Error) => {
    accounts.get(accountId)?.lost.abort(reason)
    accounts.delete(accountId)
  }
  const held = heldAccounts({ leases, requestMs, clock, log }, lose)
  const stopping = new AbortController()
  const over = new AbortController()
  const registry: AccountWorkNeeds['registry'] = {
    async take(leased) {
      const lost = new AbortController()
      const account = { accountId: leased.accountId, lost: lost.signal } as Account
      accounts.set(leased.accountId, { account, lost, leased })
      return account
    },
    async release(accountId) {
      accounts.delete(accountId)
      const status = 'ok' as const
      return {
        snapshot: { accountId, status, since: 1_000, detail: undefined, retryAt: undefined },
        access: undefined,
      }
    },
    lose,
    get: (accountId) => accounts.get(accountId)?.account,
  }

  async function request(module: SyncModule, tickId: string): Promise<void> {
    await marks.mark(module, tickId)
    held.guard(module.accountId)
    const text = `${tickId} ${module.accountId}/${module.syncModuleId}`
    requests.sent.push(text)
    await requests.answer(text, name)
    await ledger.record(requested(anItem({ ...module, requestId: `${++ids}`, tickId }), module))
  }

  async function runShared({ accountId }: Account, { at }: FleetRun): Promise<undefined> {
    const list = Array.from({ length: count }, (_, index) => aModule({ accountId, syncModuleId: `${index}` }))
    await ledger.seen(accountId, list)
    const marked = await marks.marked(accountId, iso(at))
    for (const module of list) if (!marked.has(keyOf(module))) await request(module, iso(at))
  }

  const jobs = openJobs({ sql: storage.queue, schema, places: 50, offsetOf: () => 0, clock, log })
  const work = new AccountWork({
    ...{ held, registry, clock, log, offsetOf: () => 0 },
    storage: { commands, marks, leases: { waiting: async () => 0 } },
    parts: {
      runner: { runShared, runOne: async () => undefined },
      carryOut: async () => ({ error: { code: 'busy', message: 'not here' } }),
      clips: undefined,
      isConnected: () => true,
    },
    stopping: stopping.signal,
  })
  const observer = { runStarted: () => undefined, runFinished: () => undefined }
  const fanOut = new FanOut({ runs, jobs, observer, clock, log })
  const pulse = new Pulse({ runs, commands, jobs, work, clock })
  const going: Promise<unknown>[] = []
  onTestFinished(async () => {
    stopping.abort(new Error('stopped'))
    await going[0]
    over.abort(new Error('over'))
    await Promise.all(going)
    await jobs.close()
  })
  return {
    ...{ storage, held, work, fanOut, stopping },
    start() {
      const handle: AccountWork['handle'] = (job) => work.handle(job)
      going.push(jobs.work({ handle, ended: (accountId) => work.ended(accountId) }, stopping.signal))
      going.push(held.keep(over.signal), pulse.beat(over.signal))
    },
    begin: (run) => fanOut.begin(run, stopping.signal),
  }
}

/** As if the owner had been gone for long. */
export async function lapse({ queue, schema }: SharedStorage, accountId: BlinkId): Promise<void> {
  await queue.executeSql(
    `UPDATE "${schema}".lease SET lease_until = now() - interval '1 s' WHERE account_id = '${accountId}'`,
  )
}
