/** A command handler over accounts that request what a command selects, and what they were sent. */
import { accountCommandHandler, type CommandNeeds, commandHandler } from '../../src/commands/handler.ts'
import type { Target } from '../../src/domain/commands.ts'
import {
  type Failure,
  type Health,
  keyOf,
  type ModuleChanges,
  type SyncModule,
} from '../../src/domain/model.ts'
import { createNotifier } from '../../src/domain/notifier.ts'
import type { LogLevel } from '../../src/domain/ports.ts'
import type { AccountRunResult, Choice } from '../../src/scheduler/runner.ts'
import { bareAccount } from './account-fixture.ts'
import { fakeClock } from './fake-clock.ts'
import { memoryLedger } from './memory-ledger.ts'
import { aModule, anItem, readableLog, requested } from './samples.ts'

export const hall = aModule()
export const barn = aModule({ name: 'Barn', syncModuleId: '9' })
export const shed = aModule({ name: 'Shed', networkId: '44108', syncModuleId: '7' })
export const boat = aModule({ name: 'Boat', accountId: '9001', networkId: '1', syncModuleId: '2' })

export const health: Health = {
  version: '0.1.0',
  uptimeMs: 1_000,
  nextRunAt: undefined,
  broker: { connected: true, protocol: 5, since: 0, lastError: undefined, reconnects: 0 },
  accounts: [],
  store: { state: 'ok', detail: undefined },
  modules: 0,
  waiting: 0,
}

interface Options {
  readonly modules?: readonly SyncModule[]
  /** What a new list would show besides. */
  readonly unseen?: readonly SyncModule[]
  readonly accounts?: readonly string[]
  /** Keys of credentials without a known account. */
  readonly unidentified?: readonly string[]
  readonly exclude?: readonly string[]
  readonly followsManifests?: boolean
  readonly ttlMs?: number
  /** Why an account cannot be requested. */
  readonly failure?: Failure
  /** Requests bring no IDs. */
  readonly inVain?: boolean
  readonly changes?: ModuleChanges
}

interface Sent {
  readonly account: string
  readonly list: boolean
  readonly names: readonly string[]
}

const noChanges: ModuleChanges = { found: [], renamed: [], altered: [], gone: [] }
export const one = '8021'
export const two = '9001'

/** A handler, what its commands requested, and what they changed. */
export function commandFixture({
  modules = [hall, barn, shed],
  accounts = [one],
  exclude = [],
  ...rest
}: Options = {}) {
  const clock = fakeClock()
  const sent: Sent[] = []
  const changed: string[] = []
  const paused: [string, boolean][] = []
  const levels: LogLevel[] = []
  const failing: { pauses: Error | undefined; reads: Error | undefined } = {
    pauses: undefined,
    reads: undefined,
  }
  let made = 500
  let rescans = 0
  const ledger = memoryLedger({ known: modules, unreadable: () => failing.reads })
  const observer = createNotifier(readableLog())
  observer.add({
    moduleChanged: (key, change) => changed.push(`${keyOf(key)} ${change}`),
    settingsChanged: (change) => changed.push(change),
    rescanRequested: () => rescans++,
  })

  async function runOf({ account, choose }: Choice): Promise<readonly AccountRunResult[]> {
    const selection = await choose()
    if (!selection) return []
    const { accountId } = account
    const { list, wants } = selection
    const wanted = [...modules, ...(rest.unseen ?? [])].filter(
      (module) => module.accountId === accountId && wants(module),
    )
    sent.push({ account: accountId, list, names: wanted.map(({ name }) => name) })
    const { failure } = rest
    const reports = rest.inVain || failure ? [] : wanted.map(reportOf)
    for (const report of reports) await ledger.record(report)
    const status = failure ? 'throttled' : 'ok'
    const report = {
      accountId,
      run: { tickId: 't', trigger: 'command', budgetMs: 60_000 },
      ...{ startedAt: clock.now(), finishedAt: clock.now() },
      budget: { spent: 1, limit: 100 },
      modules: reports,
      changes: list && !failure ? (rest.changes ?? noChanges) : undefined,
      account: { status, ...(failure && { failure }) },
    } as const
    return [{ account: accountId, report, failure, status }]
  }

  function reportOf(module: SyncModule) {
    const { accountId, networkId, syncModuleId } = module
    const requestedAt = clock.now()
    const expiresAt = requestedAt + (rest.ttlMs ?? 600_000)
    const ids = { accountId, networkId, syncModuleId }
    return requested(anItem({ ...ids, requestId: String(++made), requestedAt, expiresAt }), module)
  }

  const needs: CommandNeeds = {
    registry: {
      accounts: accounts.map((accountId) => bareAccount(clock, { accountId })),
      unidentified: rest.unidentified ?? [],
    },
    runner: {
      async command(choices) {
        const results: AccountRunResult[] = []
        for (const choice of choices) results.push(...(await runOf(choice)))
        return results
      },
    },
    storage: {
      ledger,
      pauses: {
        isPaused: async () => false,
        async set(scope, value) {
          if (failing.pauses) throw failing.pauses
          paused.push([scope, value])
        },
      },
    },
    status: { health: async () => health },
    settings: {
      modules: { include: [], exclude, askAll: false },
      manifest: { follow: rest.followsManifests ?? false },
      clips: { enabled: false },
    },
    observer,
    logLevel: { get: () => levels.at(-1) ?? 'info', set: (level) => levels.push(level) },
    clock,
  }
  const handle = commandHandler(needs)
  const ofAccount = accountCommandHandler(needs)
  return {
    ...{ clock, sent, changed, paused, levels, failing },
    handle,
    request: (target: Target = {}) => handle({ verb: 'manifest/request', target }),
    /** By whoever works on the account alone. */
    requestAlone: (accountId: string) => {
      const account = bareAccount(clock, { accountId })
      return ofAccount(account, { verb: 'manifest/request', target: { accountId } })
    },
    rescan: () => handle({ verb: 'rescan' }),
    rescans: () => rescans,
  }
}
