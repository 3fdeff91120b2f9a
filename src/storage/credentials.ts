/**
 * The accounts' credentials, and what limits each account: circuit breaker, request budget, number of modules. Small
 * files, readable by their owner only, which commands can read beside a running daemon.
 *
 * Apart from the database on purpose: a damaged database costs counters, a lost refresh token costs a person a
 * sign-in with a code by phone. A file of credentials is replaced whole before a rotated token is used.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import type { Credentials, Spent } from '../domain/model.ts'
import type { CredentialStore, LimitStore } from '../domain/ports.ts'
import { closedBreaker, longerOf } from '../domain/retry-policy.ts'
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

export interface StoredCredentials {
  readonly directory: string
  readonly credentials: CredentialStore
  readonly limits: LimitStore
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
/** A file that is not what we wrote; its account waits for a sign-in until the file is replaced. */
const damagedSuffix = '.login.json.damaged'
const breakerSuffix = '.breaker.json'
const spentSuffix = '.spent.json'
const modulesSuffix = '.modules.json'
const forgottenSuffix = '.forgotten'

/**
 * The credentials and limits kept below the data directory.
 *
 * @throws StoreFailed from each method when the disk does not play along or a file is not what we wrote
 */
export async function openCredentials(dataDir: string): Promise<StoredCredentials> {
  const directory = join(dataDir, 'logins')
  await makeDirectory(directory)
  const credentials = credentialFiles(directory)
  const limits = limitFiles(directory)
  // Until version 0.1 limits were kept by the credentials' key, also where the account was known.
  const names = await listFiles(directory)
  for (const { key, accountId } of await credentials.list()) {
    const isOld = [breakerSuffix, spentSuffix, modulesSuffix].some((suffix) => names.includes(key + suffix))
    if (isOld && accountId !== undefined) await limits.move(key, accountId)
  }
  return { directory, credentials, limits }
}

function credentialFiles(directory: string): CredentialStore {
  const loginPath = (key: string) => join(directory, `${key}${loginSuffix}`)
  const forgottenPath = (key: string) => join(directory, `${key}${forgottenSuffix}`)

  const damagedPath = (key: string) => join(directory, `${key}${damagedSuffix}`)

  /** In place of credentials whose file is of no use: no account's file is a condition for another's. */
  const unusable = async (key: string, reason: Credentials['unusable']): Promise<Credentials> => ({
    key,
    source: 'login',
    fingerprint: undefined,
    clientId: 'unknown',
    refreshToken: new Secret(''),
    accountId: /^(\d+)-/.exec(key)?.[1],
    region: undefined,
    hardwareId: undefined,
    refusedAt: Math.floor(await modifiedAt(damagedPath(key)).catch(() => 0)),
    refusedFor: 'login_required',
    unusable: reason,
  })

  /** A power cut leaves files that are empty or full of zeros. */
  const quarantine = async (key: string): Promise<Credentials> => {
    await rename(loginPath(key), damagedPath(key)).catch(() => undefined)
    return unusable(key, damage(damagedPath(key)))
  }

  const read = async (key: string): Promise<Credentials | undefined> => {
    let text: string | undefined
    try {
      text = await readWhole(loginPath(key))
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return unusable(key, { message: error.message, remedy: error.remedy ?? '' })
    }
    if (text === undefined) return undefined
    const kept = loginFile.safeParse(parseJson(text)).data
    if (!kept) return quarantine(key)
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
  return {
    async list() {
      const names = await listFiles(directory)
      const gone = new Set(keysOf(names, forgottenSuffix))
      const whole = new Set(keysOf(names, loginSuffix))
      const keys = new Set([...whole, ...keysOf(names, damagedSuffix)].filter((key) => !gone.has(key)))
      const all = await Promise.all(
        [...keys].sort().map((key) => (whole.has(key) ? read(key) : unusable(key, damage(damagedPath(key))))),
      )
      return all.filter((one) => one !== undefined)
    },
    async save(login) {
      const path = loginPath(login.key)
      const content = {
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
      }
      await writeWhole(path, toText(content))
      // Looked at afterwards: what is forgotten in this very moment must not come back.
      if ((await readWhole(forgottenPath(login.key))) !== undefined) await removeFile(path)
    },
    async forget(key) {
      await writeWhole(forgottenPath(key), '')
      for (const path of [loginPath, damagedPath]) await removeFile(path(key))
    },
    forgotten: async () => new Set(keysOf(await listFiles(directory), forgottenSuffix)),
    changedAt: () => modifiedAt(directory),
  }
}

function limitFiles(directory: string): LimitStore {
  const pathOf = (suffix: string) => (account: string) => join(directory, `${account}${suffix}`)
  const breakerPath = pathOf(breakerSuffix)
  const spentPath = pathOf(spentSuffix)
  const modulesPath = pathOf(modulesSuffix)

  const limits: LimitStore = {
    async breaker(account) {
      // Of a damaged one the pause is not known; the cloud names it again.
      const kept = await readOr(breakerFile, breakerPath(account))
      return kept ? { failures: kept.failures, openUntil: kept.open_until } : closedBreaker
    },
    saveBreaker: (account, { failures, openUntil }) =>
      writeWhole(breakerPath(account), toText({ failures, open_until: openUntil })),
    spent: async (account) => readOr(spentFile, spentPath(account)),
    saveSpent: (account, spent) => writeWhole(spentPath(account), toText(spent)),
    moduleCount: async (account) => (await readOr(modulesFile, modulesPath(account)))?.modules,
    saveModuleCount: (account, modules) => writeWhole(modulesPath(account), toText({ modules })),
    async move(key, accountId) {
      const [breaker, own] = [await limits.breaker(key), await limits.breaker(accountId)]
      if (longerOf(own, breaker) !== own) await limits.saveBreaker(accountId, breaker)
      const [spent, ownSpent] = [await limits.spent(key), await limits.spent(accountId)]
      if (spent && isMore(spent, ownSpent)) await limits.saveSpent(accountId, spent)
      const modules = await limits.moduleCount(key)
      if (modules !== undefined) await limits.saveModuleCount(accountId, modules)
      for (const path of [breakerPath(key), spentPath(key), modulesPath(key)]) await removeFile(path)
    },
  }
  return limits
}

function isMore(one: Spent, other: Spent | undefined): boolean {
  if (!other) return true
  return one.day === other.day ? one.requests > other.requests : one.day > other.day
}

/** What cannot be read counts as none. */
async function readOr<T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> {
  return schema.safeParse(parseJson((await readWhole(path)) ?? '')).data
}

function toText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** The message about a damaged file, never what it holds. */
function damage(path: string): Credentials['unusable'] {
  return {
    message: `the file of this login is damaged and was set aside as ${path}`,
    remedy: 'Sign in again with `blink-manifestd login`, or put back a copy from a backup.',
  }
}
