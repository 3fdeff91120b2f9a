/**
 * The accounts' credentials, and what goes with each: breaker, budget, number of modules. A few small files for
 * each login, readable by their owner only.
 *
 * Apart from the database on purpose: a damaged database costs counters, a lost refresh token costs a person a
 * sign-in with a code by phone. A login's file is replaced whole before a rotated token is used.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, Login } from '../domain/model.ts'
import { type Breaker, closedBreaker } from '../domain/retry-policy.ts'
import { Secret } from '../domain/secret.ts'
import {
  listFiles,
  makeDirectory,
  modifiedAt,
  parseJson,
  readWhole,
  removeFile,
  writeWhole,
} from './state-files.ts'

/** How many requests an account has cost its cloud in one day, counted since the epoch. */
export interface Spent {
  readonly day: number
  readonly requests: number
  /** The largest budget of that day. */
  readonly limit: number
}

export interface Logins {
  readonly directory: string
  /** All logins on disk; one whose file is of no use says so. */
  list(): Promise<readonly Login[]>
  save(login: Login): Promise<void>
  remove(key: string): Promise<void>
  /** Removes a login for good: whoever still holds it cannot save it again, and its key is remembered. */
  forget(key: string): Promise<void>
  /** When a file was last made, replaced or removed here. */
  changedAt(): Promise<number>
  /** The keys of logins that were forgotten. */
  forgotten(): Promise<ReadonlySet<string>>
  breaker(key: string): Promise<Breaker>
  saveBreaker(key: string, breaker: Breaker): Promise<void>
  /** What was spent of a day's budget; `undefined` when nothing is known, or what is cannot be read. */
  spent(key: string): Promise<Spent | undefined>
  saveSpent(key: string, spent: Spent): Promise<void>
  /** How many sync modules the last list had; `undefined` when there was none, or what was kept cannot be read. */
  moduleCount(key: string): Promise<number | undefined>
  saveModuleCount(key: string, count: number, accountId?: BlinkId): Promise<void>
}

const loginFile = z.object({
  source: z.enum(['environment', 'import', 'login']),
  fingerprint: z.string().optional(),
  client_id: z.string().min(1),
  refresh_token: z.string().min(1),
  account_id: z.string().regex(/^\d+$/).optional(),
  region: z.string().optional(),
  hardware_id: z.string().optional(),
  refused_at: z.number().optional(),
  refused_for: z.enum(['login_required', 'two_factor_required']).optional(),
  refreshed_at: z.number().optional(),
})

const breakerFile = z.object({ failures: z.int().nonnegative(), open_until: z.number().optional() })

const spentFile = z.object({
  day: z.int().nonnegative(),
  requests: z.int().nonnegative(),
  limit: z.int().nonnegative(),
})

const modulesFile = z.object({
  modules: z.int().nonnegative(),
  /** Whose login it is, should the login's own file be damaged. */
  account_id: z.string().regex(/^\d+$/).optional(),
})

const loginSuffix = '.login.json'
/** A login's file that is not what we wrote; the login waits for a sign-in until it is replaced. */
const damagedSuffix = '.login.json.damaged'
const breakerSuffix = '.breaker.json'
const spentSuffix = '.spent.json'
const modulesSuffix = '.modules.json'
const forgottenSuffix = '.forgotten'

/**
 * The logins kept below the data directory.
 *
 * @throws StoreFailed from each method when the disk does not play along or a file is not what we wrote
 */
export async function openLogins(dataDir: string): Promise<Logins> {
  const directory = join(dataDir, 'logins')
  await makeDirectory(directory)
  const pathOf = (suffix: string) => (key: string) => join(directory, `${key}${suffix}`)
  const loginPath = pathOf(loginSuffix)
  const damagedPath = pathOf(damagedSuffix)
  const breakerPath = pathOf(breakerSuffix)
  const spentPath = pathOf(spentSuffix)
  const modulesPath = pathOf(modulesSuffix)
  const forgottenPath = pathOf(forgottenSuffix)

  const modulesOf = async (key: string) =>
    modulesFile.safeParse(parseJson((await readWhole(modulesPath(key))) ?? '')).data

  /** In place of a login whose file is of no use: no account's file is a condition for another's. */
  const unusable = async (key: string, reason: Login['unusable']): Promise<Login> => ({
    key,
    source: 'login',
    fingerprint: undefined,
    clientId: 'unknown',
    refreshToken: new Secret(''),
    accountId: await modulesOf(key).then(
      (kept) => kept?.account_id,
      () => undefined,
    ),
    region: undefined,
    hardwareId: undefined,
    refusedAt: Math.floor(await modifiedAt(damagedPath(key)).catch(() => 0)),
    refusedFor: 'login_required',
    unusable: reason,
  })

  /** A power cut leaves files that are empty or full of zeros. */
  const setAside = async (key: string): Promise<Login> => {
    await rename(loginPath(key), damagedPath(key)).catch(() => undefined)
    return unusable(key, damage(damagedPath(key)))
  }

  const read = async (key: string): Promise<Login | undefined> => {
    let text: string | undefined
    try {
      text = await readWhole(loginPath(key))
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return unusable(key, { message: error.message, remedy: error.remedy ?? '' })
    }
    if (text === undefined) return undefined
    const kept = loginFile.safeParse(parseJson(text)).data
    if (!kept) return setAside(key)
    return {
      key,
      source: kept.source,
      fingerprint: kept.fingerprint,
      clientId: kept.client_id,
      refreshToken: new Secret(kept.refresh_token),
      accountId: kept.account_id,
      region: kept.region,
      hardwareId: kept.hardware_id,
      refusedAt: kept.refused_at,
      refusedFor: kept.refused_for,
      refreshedAt: kept.refreshed_at,
    }
  }

  const keysOf = (names: readonly string[], suffix: string) =>
    names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length))
  const remove = async (key: string) => {
    for (const path of [loginPath, damagedPath, breakerPath, spentPath, modulesPath])
      await removeFile(path(key))
  }
  const write = async (key: string, path: string, value: object) => {
    await writeWhole(path, toText(value))
    // Looked at afterwards: a login that is forgotten in this very moment must not come back, nor leave anything.
    if ((await readWhole(forgottenPath(key))) !== undefined) await remove(key)
  }

  return {
    directory,
    async list() {
      const names = await listFiles(directory)
      const gone = keysOf(names, forgottenSuffix)
      const whole = keysOf(names, loginSuffix)
      const damaged = keysOf(names, damagedSuffix)
      const keys = new Set([...whole, ...damaged].filter((key) => !gone.includes(key)))
      const logins = await Promise.all(
        [...keys]
          .sort()
          .map((key) => (whole.includes(key) ? read(key) : unusable(key, damage(damagedPath(key))))),
      )
      return logins.filter((login) => login !== undefined)
    },
    async save(login) {
      await write(login.key, loginPath(login.key), {
        source: login.source,
        fingerprint: login.fingerprint,
        client_id: login.clientId,
        refresh_token: login.refreshToken.reveal(),
        account_id: login.accountId,
        region: login.region,
        hardware_id: login.hardwareId,
        refused_at: login.refusedAt,
        refused_for: login.refusedFor,
        refreshed_at: login.refreshedAt,
      })
    },
    remove,
    async forget(key) {
      await writeWhole(forgottenPath(key), '')
      await remove(key)
    },
    forgotten: async () => new Set(keysOf(await listFiles(directory), forgottenSuffix)),
    changedAt: () => modifiedAt(directory),
    async breaker(key) {
      // Of a damaged one the pause is not known; the cloud says it again.
      const kept = breakerFile.safeParse(parseJson((await readWhole(breakerPath(key))) ?? '')).data
      return kept ? { failures: kept.failures, openUntil: kept.open_until } : closedBreaker
    },
    saveBreaker: (key, { failures, openUntil }) =>
      write(key, breakerPath(key), { failures, open_until: openUntil }),
    spent: async (key) => spentFile.safeParse(parseJson((await readWhole(spentPath(key))) ?? '')).data,
    saveSpent: (key, spent) => write(key, spentPath(key), spent),
    moduleCount: async (key) => (await modulesOf(key))?.modules,
    saveModuleCount: (key, modules, accountId) =>
      write(key, modulesPath(key), { modules, account_id: accountId }),
  }
}

function toText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** What is said of a damaged file, never what it holds. */
function damage(path: string): Login['unusable'] {
  return {
    message: `the file of this login is damaged and was set aside as ${path}`,
    remedy: 'Sign in again with `blink-manifestd login`, or put back a copy from a backup.',
  }
}
