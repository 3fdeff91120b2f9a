/** A home whose daemon is started again and again, on one disk and with one clock. */
import { onTestFinished } from 'vitest'
import { openAccount } from '../../src/accounts/account.ts'
import { guard } from '../../src/accounts/circuit-breaker.ts'
import { keyOf, type ModuleRecord, type SyncModule } from '../../src/domain/model.ts'
import { closedBreaker } from '../../src/domain/retry-policy.ts'
import { askedRecently } from '../../src/scheduler/recent-requests.ts'
import { ticksOf } from '../../src/scheduler/runner.ts'
import { turnsFor } from '../../src/scheduler/turns.ts'
import type { StoredLedger } from '../../src/storage/ledger.ts'
import type { Starts } from '../../src/storage/start-throttle.ts'
import { unlimited } from './account-world.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { aModule, newRecord, readableLog, recordAfter } from './samples.ts'
import { finish } from './scripted.ts'

export const hall = aModule()
const barn = aModule({ name: 'Barn', syncModuleId: '9' })
export const fiveMinutes = 300_000

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

interface House {
  readonly modules?: readonly SyncModule[]
  readonly intervalMs?: number
  readonly offsetMs?: number
  readonly ttlMs?: number
  readonly exclude?: readonly string[]
  readonly paused?: boolean
}

/** What every process finds on the disk. */
function aDisk(clock: FakeClock): {
  readonly ledger: Writable<StoredLedger>
  readonly starts: Writable<Starts>
} {
  const records = new Map<string, ModuleRecord>()
  const startedAt = new Map<string, number>()
  const modules = () => [...records.values()].map(({ module }) => module)
  return {
    ledger: {
      trouble: undefined,
      read: (key) => records.get(keyOf(key)),
      lastAccepted: (key) => records.get(keyOf(key))?.lastAccepted,
      keys: modules,
      keysAndGone: modules,
      forget: async () => undefined,
      count: () => records.size,
      modulesOf: modules,
      async seen(_accountId, list) {
        for (const module of list) {
          records.set(keyOf(module), records.get(keyOf(module)) ?? newRecord(module))
        }
        return { found: [], renamed: [], altered: [], gone: [] }
      },
      async record(report) {
        const name = keyOf(report.module)
        records.set(name, recordAfter(records.get(name) ?? newRecord(report.module), report))
      },
    },
    starts: {
      lastAt: (loginKey) => startedAt.get(loginKey),
      note: async (loginKey) => void startedAt.set(loginKey, clock.now()),
    },
  }
}

/** A home whose daemon is started again and again, and what its cloud was asked in all that time. */
export function aHouse({ modules = [hall, barn], intervalMs = fiveMinutes, ...rest }: House = {}) {
  const { offsetMs = 0, ttlMs = 600_000, exclude = [], paused = false } = rest
  const clock = fakeClock()
  const disk = aDisk(clock)
  const asked: string[] = []
  const told: string[] = []
  const failing = new Map<string, Error>()
  const answer = <T>(what: string, value: T): T => {
    asked.push(what)
    const failure = failing.get(what)
    if (failure) throw failure
    return value
  }
  let made = 670_000_000
  const slots = () => {
    const next = Math.floor(clock.now() / intervalMs + 1) * intervalMs
    return [next, next + intervalMs]
  }

  /** A process, until it is killed. */
  function begin() {
    const log = readableLog()
    const killed = new AbortController()
    const never = new AbortController().signal
    const stores = { ...disk, pauses: { isPaused: () => paused, set: async () => undefined } }
    const rules = { include: [], exclude, askAll: false }
    const offsetOf = () => offsetMs
    const recent = askedRecently({ stores, rules, slots, offsetOf, clock, log, stopping: killed.signal })
    const account = openAccount(
      {
        loginKey: 'login-1',
        accountId: '8021',
        cloud: {
          identify: async () => ({ accountId: '8021' }),
          discover: async () => answer('list', modules),
          requestManifest: async (key) => {
            const name = modules.find((module) => keyOf(module) === keyOf(key))?.name ?? '?'
            return answer(name, { requestId: String(++made), pollPath: '/', pollUrl: 'https://rest.test/' })
          },
        },
        guard: guard({ breaker: closedBreaker, budget: unlimited, clock, save: async () => undefined }),
        ticked: () => undefined,
        ...{ ledger: disk.ledger, turns: turnsFor(1, clock), clock, log },
        ...{ reasonToSkip: recent.reasonToSkip, isAnswered: recent.isAnswered },
        ttlMs,
        parallel: 1,
        listed: () => undefined,
        tell(report, { trigger }) {
          recent.asked(trigger)
          told.push(report.kind === 'skipped' ? `${report.module.name} ${report.reason}` : report.kind)
        },
        changed: () => undefined,
        stopping: killed.signal,
        abort: never,
      },
      { refusedFor: undefined },
    )
    const nobody = { onlookers: { slot: () => undefined }, ticked: () => undefined }
    const { mayStart } = recent
    const accounts = [account]
    const ticks = ticksOf({ ...nobody, accounts, offsetOf, mayStart, slots, clock, stopping: killed.signal })
    const tick = async (trigger: 'schedule' | 'start') => {
      const from = asked.length
      await finish(ticks.tick(trigger), clock)
      return asked.slice(from)
    }
    const kill = () => killed.abort(new Error('killed'))
    onTestFinished(kill)
    return { account, ticks, log, tick, kill }
  }
  return { clock, disk, asked, told, failing, begin }
}
