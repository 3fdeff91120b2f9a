/**
 * `accounts`: all credentials with their state, and never a secret. Reads what is kept, so it works beside daemons;
 * whether the cloud answers is not kept.
 */

import { openBudget, plannedBudget } from '../accounts/request-budget.ts'
import { openStore } from '../commands/store.ts'
import { runsPerDay } from '../config/cron.ts'
import type { Settings } from '../config/load.ts'
import { systemClock } from '../domain/clock.ts'
import type { AccountStatus, Credentials } from '../domain/model.ts'
import type { LimitStore } from '../domain/ports.ts'
import { closedUntil } from '../domain/retry-policy.ts'
import { json, number, timeOrNull } from '../domain/text.ts'
import type { AccountLine } from '../topics/cli-schemas.ts'
import { type CommonOptions, readSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { plainTable } from './table.ts'
import type { Terminal } from './terminal.ts'

interface Row {
  readonly credentials: Credentials
  readonly state: AccountStatus
  readonly retryAt: number | undefined
  /** `undefined` when the account's modules were never listed. */
  readonly modules: number | undefined
}

export async function accounts(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  await using store = await openStore({ settings, clock: systemClock })
  const { credentials, limits } = await store.accounts()
  const rows = await Promise.all(
    (await credentials.list()).map(async (one): Promise<Row> => {
      const account = one.accountId ?? one.key
      const modules = await limits.moduleCount(account)
      const retryAt = await pausedUntil(account, { limits, settings, modules })
      const { refusedAt, refusedFor = 'login_required' } = one
      const state = refusedAt !== undefined ? refusedFor : retryAt ? 'throttled' : 'ok'
      return { credentials: one, state, retryAt, modules }
    }),
  )
  if (options.json) terminal.out(rows.map((row) => `${line(row)}\n`).join(''))
  else if (rows.length > 0) terminal.out(`${table(rows)}\n`)
  if (rows.length === 0)
    terminal.err(`No login in ${store.place} yet. Sign in with \`blink-manifestd login\`.\n`)
  return exit.done
}

interface PauseNeeds {
  readonly limits: LimitStore
  readonly settings: Settings
  readonly modules: number | undefined
}

/** The end of a pause that the cloud wants, or of the day whose budget is used up. */
async function pausedUntil(account: string, needs: PauseNeeds): Promise<number | undefined> {
  const { limits, settings, modules = 0 } = needs
  const runs = runsPerDay(settings.schedule.cron)
  const { usedUpUntil } = openBudget({
    kept: await limits.spent(account),
    limit: () => settings.blink.dailyBudget || plannedBudget({ runsPerDay: runs, modules }),
    automatic: settings.blink.dailyBudget === 0,
    clock: systemClock,
    save: () => Promise.reject(new Error('`accounts` spends nothing')),
  })
  return closedUntil(await limits.breaker(account), systemClock.now()) ?? usedUpUntil
}

function line({ credentials, state, retryAt, modules }: Row): string {
  return json({
    account_id: credentials.accountId === undefined ? null : number(credentials.accountId),
    login: credentials.key,
    state,
    region: credentials.region ?? null,
    modules: modules ?? null,
    client_id: credentials.clientId,
    source: credentials.source,
    refreshed_at: timeOrNull(credentials.refreshedAt),
    refused_at: timeOrNull(credentials.refusedAt),
    retry_at: timeOrNull(retryAt),
  } satisfies AccountLine)
}

function table(rows: readonly Row[]): string {
  const heads = [
    ...['Account', 'State', 'Region', 'Modules'],
    ...['Client', 'From', 'Last refresh', 'Again at'],
  ]
  const cells = rows.map(({ credentials, state, retryAt, modules }) => {
    const { accountId, region, clientId, source, refreshedAt } = credentials
    return [
      accountId ?? `not known yet: ${credentials.key}`,
      state,
      region ?? '-',
      modules ?? '-',
      clientId,
      source,
      timeOrNull(refreshedAt) ?? '-',
      timeOrNull(retryAt) ?? '-',
    ]
  })
  return plainTable(heads, cells)
}
