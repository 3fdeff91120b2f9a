/**
 * `discover`: which sync modules there are, whether each would be asked, and why not. Asks for nothing else.
 */

import type { Clouds, Way } from '../accounts/contexts.ts'
import { openClouds } from '../accounts/contexts.ts'
import { reasonToSkip } from '../domain/eligibility.ts'
import { DaemonError } from '../domain/errors.ts'
import { accountStatusOf, explain, needsPerson } from '../domain/failure.ts'
import type { AccountStatus, BlinkId, Failure, SkipReason, SyncModule } from '../domain/model.ts'
import { json, number } from '../domain/text.ts'
import { openStores } from '../storage/open.ts'
import type { Discovered } from '../topics/cli-schemas.ts'
import { failure, ids } from '../topics/topics.ts'
import { complaint } from './complaint.ts'
import { type ExitCode, exit } from './exit.ts'
import { type CommonOptions, prepare } from './prepare.ts'
import { plainTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'

interface Found {
  readonly login: string
  readonly accountId: BlinkId | undefined
  readonly status: AccountStatus
  readonly failure: Failure | undefined
  readonly modules: readonly { readonly module: SyncModule; readonly reason: SkipReason | undefined }[]
}

export async function discover(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { loaded, log, clock } = await prepare(terminal, options, { quiet: true })
  const { settings } = loaded
  await using parts = new AsyncDisposableStack()
  const stores = await openStores(settings.dataDir, clock, log)
  parts.defer(() => stores.database.close())
  const clouds: Clouds = await openClouds({ settings, stores, clock, log })
  parts.defer(() => clouds.close())
  if (clouds.ways.length === 0) {
    terminal.err('blink-manifestd: there is no Blink login. Sign in with `blink-manifestd login`.\n')
    return exit.login
  }

  const reasonOf = (module: SyncModule): SkipReason | undefined =>
    reasonToSkip(module, settings.modules) ?? (stores.pauses.isPaused(module) ? 'paused' : undefined)
  const look = async ({ login, cloud, guard }: Way): Promise<Found | undefined> => {
    let accountId = login.accountId
    try {
      accountId = (await guard.through(() => cloud.identify(terminal.stop))).accountId
      const modules = await guard.through(() => cloud.discover(terminal.stop))
      return {
        login: login.key,
        accountId,
        status: 'ok',
        failure: undefined,
        modules: modules.map((module) => ({ module, reason: reasonOf(module) })),
      }
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      // Another login of the account tells of it.
      if (guard.retired.aborted) return undefined
      const status = accountStatusOf(error)
      return { login: login.key, accountId, status, failure: explain(error, clock.now()), modules: [] }
    }
  }
  const found = (await Promise.all(clouds.ways.map(look))).filter((each) => each !== undefined)
  terminal.out(options.json ? toJson(found) : toTable(found))
  for (const { failure: trouble, accountId, login, status } of found) {
    if (trouble) terminal.err(complaint({ loginKey: login, accountId, status, failure: trouble }))
  }
  if (found.some(({ status }) => needsPerson(status))) return exit.login
  return found.some(({ failure: trouble }) => trouble) ? exit.temporary : exit.done
}

function toTable(found: readonly Found[]): string {
  const heads = ['Account', 'Network', 'Sync module', 'Name', 'Model', 'Status', 'Local storage', 'Asked?']
  const empty = found
    .filter(({ modules }) => modules.length === 0)
    .map(({ accountId, login, status }) => {
      const why = status === 'ok' ? 'no sync module' : `no: ${status}`
      return [accountId ?? login, ...Array<string>(6).fill('-'), why]
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
    module.storage ?? 'not told',
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
