/**
 * `discover`: which sync modules there are, whether each would be requested, and why not. Requests nothing else.
 */

import type { Account } from '../accounts/account.ts'
import { openRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import { ineligibility } from '../domain/eligibility.ts'
import { DaemonError } from '../domain/errors.ts'
import { accountStatusOf, explain, needsPerson } from '../domain/failure.ts'
import type { AccountStatus, BlinkId, Failure, SkipReason, SyncModule } from '../domain/model.ts'
import { createNotifier } from '../domain/notifier.ts'
import { ids, json, number } from '../domain/text.ts'
import { openStorage } from '../storage/open.ts'
import type { Discovered } from '../topics/cli-schemas.ts'
import { failure } from '../topics/topics.ts'
import { type CommonOptions, openContext } from './context.ts'
import { accountSentences, type ExitCode, exit } from './exit.ts'
import { plainTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'

interface Found {
  /** The account's id, or the key of credentials whose account is not known. */
  readonly account: string
  readonly accountId: BlinkId | undefined
  readonly status: AccountStatus
  readonly failure: Failure | undefined
  readonly modules: readonly { readonly module: SyncModule; readonly reason: SkipReason | undefined }[]
}

export async function discover(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { loaded, log, clock } = await openContext(terminal, options, { quiet: true })
  const { settings } = loaded
  const observer = createNotifier(log)
  const common = { settings, observer, clock, log }
  await using visits = settings.store.url
    ? await (await import('../fleet/visits.ts')).openVisits({ ...common, signal: terminal.stop })
    : await openAlone(common, terminal.stop)
  if (visits.accounts.length + visits.unidentified.length === 0) {
    terminal.err('blink-manifestd: there is no Blink login. Sign in with `blink-manifestd login`.\n')
    return exit.login
  }

  const { stop } = terminal
  const reasonOf = async (module: SyncModule) =>
    ineligibility(module, settings.modules) ?? ((await visits.pauses.isPaused(module)) ? 'paused' : undefined)
  const look = async (name: string, find: () => Promise<Account | undefined>): Promise<Found | undefined> => {
    let account: Account | undefined
    const found = (rest: Pick<Found, 'status' | 'failure' | 'modules'>): Found => {
      return { account: account?.accountId ?? name, accountId: account?.accountId, ...rest }
    }
    try {
      account = await find()
      if (!account) return undefined
      const listed = await account.cloud.discover(stop)
      const modules = await Promise.all(
        listed.map(async (module) => ({ module, reason: await reasonOf(module) })),
      )
      return found({ status: 'ok', failure: undefined, modules })
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      return found({ status: accountStatusOf(error), failure: explain(error, clock.now()), modules: [] })
    }
  }
  const known = visits.accounts.map(async (accountId) => {
    const seen = await visits.visit(accountId, (account) => look(accountId, async () => account))
    return seen === 'held' ? unseen(accountId, `account ${accountId} was in work all the time`) : seen
  })
  const { identify } = visits
  const unidentified = visits.unidentified.map(async (key) =>
    identify
      ? look(key, () => identify(key))
      : unseen(key, 'whose credentials these are is found out by a running daemon'),
  )
  const found = (await Promise.all([...known, ...unidentified])).filter((one) => one !== undefined)
  terminal.out(options.json ? toJson(found) : toTable(found))
  for (const { failure: trouble, account, status } of found) {
    if (trouble) terminal.err(accountSentences({ account, status, failure: trouble }))
  }
  if (found.some(({ status }) => needsPerson(status))) return exit.login
  return found.some(({ failure: trouble }) => trouble) ? exit.temporary : exit.done
}

type Common = Omit<Parameters<typeof openRegistry>[0], 'storage'> & { readonly settings: Settings }

/** The accounts of a data directory, which nobody else works on meanwhile. */
async function openAlone(common: Common, stop: AbortSignal) {
  await using parts = new AsyncDisposableStack()
  const { settings, clock, log } = common
  const storage = await openStorage(settings.dataDir, clock, log)
  parts.defer(() => storage.close())
  const registry = await openRegistry({ ...common, storage })
  parts.defer(() => registry.close())
  const opened = parts.move()
  return {
    accounts: registry.accounts.map(({ accountId }) => accountId),
    unidentified: registry.unidentified,
    pauses: storage.pauses,
    async visit<T>(
      accountId: BlinkId,
      work: (account: Account) => Promise<T>,
    ): Promise<T | 'held' | undefined> {
      const account = registry.get(accountId)
      return account && work(account)
    },
    identify: (key: string) => registry.identify(key, stop),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Of other instances' accounts nothing can be said now. */
function unseen(account: string, message: string): Found {
  const accountId = /^\d+$/.test(account) ? account : undefined
  const failure: Failure = { code: 'account_held', message, retryable: true }
  return { account, accountId, status: 'ok', failure, modules: [] }
}

function toTable(found: readonly Found[]): string {
  const heads = [
    'Account',
    'Network',
    'Sync module',
    'Name',
    'Model',
    'Status',
    'Local storage',
    'Requested?',
  ]
  const empty = found
    .filter(({ modules }) => modules.length === 0)
    .map(({ account, status }) => {
      const why = status === 'ok' ? 'no sync module' : `no: ${status}`
      return [account, ...Array<string>(6).fill('-'), why]
    })
  const rows = found.flatMap(({ modules }) => modules.map(rowOf))
  return `${plainTable(heads, [...empty, ...rows])}\n`
}

function rowOf({ module, reason }: Found['modules'][number]): readonly string[] {
  return [
    module.accountId,
    `${module.networkId} ${printable(module.networkName ?? '(not listed)')}`,
    module.syncModuleId,
    printable(module.name),
    printable(module.model ?? '-'),
    module.connection,
    module.storage ?? 'unknown',
    reason === undefined ? 'yes' : `no: ${reason}`,
  ]
}

/** One document: accounts, their networks, the sync modules of each. */
function toJson(found: readonly Found[]): string {
  const accounts = found.map(({ accountId, status, failure: trouble, modules }) => ({
    account_id: accountId === undefined ? null : number(accountId),
    state: status,
    error: trouble ? failure(trouble) : null,
    networks: [...Map.groupBy(modules, ({ module }) => module.networkId)].map(([networkId, ofNetwork]) => ({
      network_id: number(networkId),
      name: ofNetwork[0]?.module.networkName ?? null,
      sync_modules: ofNetwork.map(({ module, reason }) => ({
        ...ids(module),
        name: module.name,
        model: module.model ?? null,
        firmware: module.firmware ?? null,
        status: module.connection,
        onboarded: module.onboarded,
        storage_status: module.storage ?? null,
        asked: reason === undefined,
        reason: reason ?? null,
      })),
    })),
  }))
  return `${json({ accounts } satisfies Discovered)}\n`
}
