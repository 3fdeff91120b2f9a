/** A house whose accounts do what commands make of them, and what they did. */
import type { Account, AccountTick } from '../../src/accounts/account.ts'
import { obeyer } from '../../src/commands/handler.ts'
import {
  type Failure,
  keyOf,
  type ModuleChanges,
  type ModuleRecord,
  type Selection,
  type SyncModule,
} from '../../src/domain/model.ts'
import type { LogLevel } from '../../src/domain/ports.ts'
import type { Health } from '../../src/topics/schemas.ts'
import { fakeClock } from './fake-clock.ts'
import { aModule, anItem, newRecord, recordAfter, requested } from './samples.ts'

export const hall = aModule()
export const barn = aModule({ name: 'Barn', syncModuleId: '9' })
export const shed = aModule({ name: 'Shed', networkId: '44108', syncModuleId: '7' })
export const boat = aModule({ name: 'Boat', accountId: '9001', networkId: '1', syncModuleId: '2' })

export const health: Health = {
  version: '0.1.0',
  uptime_s: 1,
  next_tick_at: null,
  mqtt: { connected: true, protocol: 5, since: '2026-11-23T09:00:00.000Z', reconnects: 0 },
  accounts: [],
  store: { state: 'ok', detail: null },
  modules: 0,
  waiting: 0,
}

interface House {
  readonly modules?: readonly SyncModule[]
  /** What a new list would show besides. */
  readonly unseen?: readonly SyncModule[]
  readonly accounts?: readonly { readonly loginKey: string; readonly accountId: string | undefined }[]
  readonly exclude?: readonly string[]
  readonly ttlMs?: number
  /** What an account cannot be asked for. */
  readonly failure?: Failure
  /** Whether asking brings no IDs. */
  readonly inVain?: boolean
  readonly changes?: ModuleChanges
}

const noChanges: ModuleChanges = { found: [], renamed: [], altered: [], gone: [] }
export const one = { loginKey: 'login-1', accountId: '8021' }
export const two = { loginKey: 'login-2', accountId: '9001' }

/** A house whose accounts do what they are told, and what they were told. */
export function aHouse({
  modules = [hall, barn, shed],
  accounts = [one],
  exclude = [],
  ...rest
}: House = {}) {
  const clock = fakeClock()
  const records = new Map<string, ModuleRecord>()
  const know = (module: SyncModule) => records.set(keyOf(module), newRecord(module))
  for (const module of modules) know(module)
  const asked: { readonly account: string; readonly list: boolean; readonly names: readonly string[] }[] = []
  const republished: string[] = []
  const paused: [string, boolean][] = []
  const levels: LogLevel[] = []
  let made = 500
  let pauseFailure: Error | undefined
  let readFailure: Error | undefined
  let rescans = 0

  function tickOf(account: Account, { list, wants }: Selection): AccountTick {
    const wanted = [...modules, ...(rest.unseen ?? [])].filter(
      (module) => module.accountId === account.accountId && wants(module),
    )
    asked.push({ account: account.loginKey, list, names: wanted.map(({ name }) => name) })
    const { failure } = rest
    const slot = { tickId: 't', trigger: 'command' as const, budgetMs: 60_000 }
    const reports = wanted.flatMap((module) => {
      if (rest.inVain || failure) return []
      const item = anItem({ ...keyIn(module), requestId: String(++made), requestedAt: clock.now() })
      const report = requested({ ...item, expiresAt: clock.now() + (rest.ttlMs ?? 600_000) }, module)
      records.set(keyOf(module), recordAfter(newRecord(module), report))
      return [report]
    })
    const times = { startedAt: clock.now(), finishedAt: clock.now() }
    const status = failure ? ('throttled' as const) : ('ok' as const)
    const report = {
      ...{ accountId: account.accountId ?? '', slot, ...times, modules: reports },
      changes: list && !failure ? (rest.changes ?? noChanges) : undefined,
      account: { status, ...(failure && { failure }) },
    }
    return { loginKey: account.loginKey, report, failure, status }
  }

  const here = accounts.map(
    (account): Account => ({
      ...account,
      state: { status: 'ok', since: 0, detail: undefined, retryAt: undefined },
      tick: async () => undefined,
      command: async () => undefined,
    }),
  )
  const obey = obeyer({
    accounts: () => here,
    ticks: {
      async command(choices) {
        return choices.flatMap(({ account, choose }) => {
          const selection = choose()
          return selection ? [tickOf(account, selection)] : []
        })
      },
      tick: async () => undefined,
      once: async () => [],
      tickOne: async () => undefined,
      idle: async () => undefined,
    },
    stores: {
      ledger: {
        trouble: undefined,
        read: (key) => records.get(keyOf(key)),
        lastAccepted: (key) => records.get(keyOf(key))?.lastAccepted,
        keys(accountId) {
          if (readFailure) throw readFailure
          const all = [...records.values()].map(({ module }) => module)
          return all.filter((module) => accountId === undefined || module.accountId === accountId)
        },
        count() {
          if (readFailure) throw readFailure
          return records.size
        },
        keysAndGone: () => [],
        forget: async () => undefined,
        modulesOf: () => [],
        seen: async () => noChanges,
        record: async () => undefined,
      },
      pauses: {
        isPaused: () => false,
        async set(scope, value) {
          if (pauseFailure) throw pauseFailure
          paused.push([scope, value])
        },
      },
    },
    rules: { include: [], exclude, askAll: false },
    retained: {
      ...{ all: () => undefined, everything: () => undefined, birth: () => undefined },
      account: () => undefined,
      ...{ modulesOf: () => undefined, clear: () => undefined, settled: async () => undefined },
      bridge: () => republished.push('bridge'),
      module: (key, news) => republished.push(`${keyOf(key)} ${news}`),
    },
    clock,
    logLevel: { get: () => levels.at(-1) ?? 'info', set: (level) => levels.push(level) },
    health: () => health,
    rescanned: () => rescans++,
  })
  return {
    ...{ clock, asked, republished, paused, levels },
    obey,
    request: (target: Parameters<typeof keyIn>[0] = {}) => obey({ verb: 'manifest/request', target }),
    rescan: () => obey({ verb: 'rescan' }),
    pausesFail(error: Error) {
      pauseFailure = error
    },
    readsFail(error: Error) {
      readFailure = error
    },
    rescans: () => rescans,
  }
}

function keyIn({ accountId, networkId, syncModuleId }: Partial<SyncModule>) {
  return {
    ...(accountId !== undefined && { accountId }),
    ...(networkId !== undefined && { networkId }),
    ...(syncModuleId !== undefined && { syncModuleId }),
  }
}
