/**
 * The accounts' credentials, and what goes with each: breaker, budget, number of modules. A few small files for
 * each login, readable by their owner only.
 *
 * Apart from the database on purpose: a damaged database costs counters, a lost refresh token costs a person a
 * sign-in with a code by phone. A login's file is replaced whole before a rotated token is used.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import type { Login } from '../domain/model.ts'
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
  /** All logins on disk. */
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
  saveModuleCount(key: string, count: number): Promise<void>
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

const modulesFile = z.object({ modules: z.int().nonnegative() })

const loginSuffix = '.login.json'
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
  const breakerPath = pathOf(breakerSuffix)
  const spentPath = pathOf(spentSuffix)
  const modulesPath = pathOf(modulesSuffix)
  const forgottenPath = pathOf(forgottenSuffix)

  const read = async (key: string): Promise<Login | undefined> => {
    const kept = parse(loginFile, loginPath(key), await readWhole(loginPath(key)))
    return (
      kept && {
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
    )
  }

  const keysOf = (names: readonly string[], suffix: string) =>
    names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length))
  const remove = async (key: string) => {
    for (const path of [loginPath, breakerPath, spentPath, modulesPath]) await removeFile(path(key))
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
      const keys = keysOf(names, loginSuffix).filter((key) => !gone.includes(key))
      const logins = await Promise.all(keys.sort().map(read))
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
      const kept = parse(breakerFile, breakerPath(key), await readWhole(breakerPath(key)))
      return kept ? { failures: kept.failures, openUntil: kept.open_until } : closedBreaker
    },
    saveBreaker: (key, { failures, openUntil }) =>
      write(key, breakerPath(key), { failures, open_until: openUntil }),
    spent: async (key) => spentFile.safeParse(parseJson((await readWhole(spentPath(key))) ?? '')).data,
    saveSpent: (key, spent) => write(key, spentPath(key), spent),
    moduleCount: async (key) =>
      modulesFile.safeParse(parseJson((await readWhole(modulesPath(key))) ?? '')).data?.modules,
    saveModuleCount: (key, modules) => write(key, modulesPath(key), { modules }),
  }
}

function toText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** The file's value; says where it is wrong, never what it holds. */
function parse<T>(schema: z.ZodType<T>, path: string, text: string | undefined): T | undefined {
  if (text === undefined) return undefined
  const result = schema.safeParse(parseJson(text))
  if (result.success) return result.data
  const fields = [...new Set(result.error.issues.map(({ path: place }) => place.join('.') || 'the whole'))]
  throw new StoreFailed(`${path} is damaged (${fields.join(', ')})`, {
    remedy: 'Restore it from a backup, or remove it and sign in again.',
  })
}
