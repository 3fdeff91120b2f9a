/**
 * `accounts`: every login with its state, and never a secret. Reads files only, so it works beside the daemon.
 */
import { systemClock } from '../clock.ts'
import type { AccountStatus, Login } from '../model.ts'
import { json, number, timeOrNull } from '../payload.ts'
import { closedUntil } from '../retry.ts'
import { openLogins } from '../store/logins.ts'
import { type ExitCode, exit } from './exit.ts'
import { plainTable } from './outcomes.ts'
import { type CommonOptions, readSettings } from './prepare.ts'
import type { Terminal } from './terminal.ts'

interface Row {
  readonly login: Login
  readonly state: AccountStatus
  readonly retryAt: number | undefined
  /** `undefined` when the account's modules were never looked at. */
  readonly modules: number | undefined
}

export async function accounts(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  const logins = await openLogins(settings.dataDir)
  const rows = await Promise.all(
    (await logins.list()).map(async (login): Promise<Row> => {
      const retryAt = closedUntil(await logins.breaker(login.key), systemClock.now())
      const { refusedAt, refusedFor = 'login_required' } = login
      const state = refusedAt !== undefined ? refusedFor : retryAt ? 'throttled' : 'ok'
      return { login, state, retryAt, modules: await logins.moduleCount(login.key) }
    }),
  )
  if (options.json) terminal.out(rows.map((row) => `${line(row)}\n`).join(''))
  else if (rows.length > 0) terminal.out(`${table(rows)}\n`)
  if (rows.length === 0)
    terminal.err(`No login in ${settings.dataDir} yet. Sign in with \`blink-manifestd login\`.\n`)
  return exit.done
}

function line({ login, state, retryAt, modules }: Row): string {
  return json({
    account_id: login.accountId === undefined ? null : number(login.accountId),
    login: login.key,
    state,
    region: login.region ?? null,
    modules: modules ?? null,
    client_id: login.clientId,
    source: login.source,
    refreshed_at: timeOrNull(login.refreshedAt),
    refused_at: timeOrNull(login.refusedAt),
    retry_at: timeOrNull(retryAt),
  })
}

function table(rows: readonly Row[]): string {
  const columns = plainTable([
    ...['Account', 'State', 'Region', 'Modules'],
    ...['Client', 'From', 'Last refresh', 'Again at'],
  ])
  for (const { login, state, retryAt, modules } of rows) {
    const { accountId, region, clientId, source, refreshedAt } = login
    columns.push([
      accountId ?? `not known yet: ${login.key}`,
      state,
      region ?? '-',
      modules ?? '-',
      clientId,
      source,
      timeOrNull(refreshedAt) ?? '-',
      timeOrNull(retryAt) ?? '-',
    ])
  }
  return columns.toString()
}
