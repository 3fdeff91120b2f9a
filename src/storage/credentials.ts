/**
 * The accounts' credentials, and what limits each account: circuit breaker, request budget, number of modules. Small
 * files, readable by their owner only, which commands can read beside a running daemon.
 *
 * Apart from the database on purpose: a damaged database costs counters, a lost refresh token costs a person a
 * sign-in with a code by phone. A file of credentials is replaced whole before a rotated token is used.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import { errorCode } from '../domain/file-failures.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, LimitStore } from '../domain/ports.ts'
import { closedBreaker } from '../domain/retry-policy.ts'
import { Secret } from '../domain/secret.ts'
import {
  breakerFile,
  credentialsFile,
  fromBreaker,
  fromFile,
  modulesFile,
  moveLimits,
  spentFile,
  toBreaker,
  toFile,
} from './account-forms.ts'
import {
  type JsonFile,
  jsonFile,
  listFiles,
  makeDirectory,
  modifiedAt,
  readWhole,
  removeFile,
  writeWhole,
} from './state-files.ts'

export interface StoredCredentials {
  readonly directory: string
  readonly credentials: CredentialStore
  readonly limits: LimitStore
}

export const credentialsSuffix = '.login.json'
/** A file that is not what we wrote; its account waits for a sign-in until the file is replaced. */
const damagedSuffix = '.login.json.damaged'
const forgottenSuffix = '.forgotten'
const breakerSuffix = '.breaker.json'
const spentSuffix = '.spent.json'
const modulesSuffix = '.modules.json'

/**
 * The credentials and limits kept below the data directory.
 *
 * @throws StoreFailed from each method when the disk does not play along
 */
export async function openCredentials(dataDir: string): Promise<StoredCredentials> {
  const directory = join(dataDir, 'logins')
  await makeDirectory(directory)
  const credentials = credentialFiles(directory)
  const limits = limitFiles(directory)
  // Before version 0.1 limits were kept by the credentials' key, also where the account was known.
  const keys = await limitNames(directory)
  if (keys.some((key) => !/^\d+$/.test(key))) {
    for (const { key, accountId } of await credentials.list()) {
      if (accountId !== undefined && keys.includes(key)) await limits.move(key, accountId)
    }
  }
  return { directory, credentials, limits }
}

/** The names under which limits are kept: of accounts, of keys, and of their budgets for clips. */
export async function limitNames(directory: string): Promise<readonly string[]> {
  const names = await listFiles(directory)
  const all = [breakerSuffix, spentSuffix, modulesSuffix].flatMap((suffix) => stemsOf(names, suffix))
  return [...new Set(all)]
}

function credentialFiles(directory: string): CredentialStore {
  const pathOf = (key: string, suffix: string) => join(directory, key + suffix)
  const fileOf = (key: string) => jsonFile(pathOf(key, credentialsSuffix), credentialsFile)

  /** In place of credentials whose file is of no use: no account's file is a condition for another's. */
  async function unusable(key: string, reason: Credentials['unusable']): Promise<Credentials> {
    const damagedAt = await modifiedAt(pathOf(key, damagedSuffix)).catch(() => 0)
    return {
      key,
      source: 'login',
      fingerprint: undefined,
      clientId: 'unknown',
      refreshToken: new Secret(''),
      accountId: /^(\d+)-/.exec(key)?.[1],
      region: undefined,
      hardwareId: undefined,
      refusedAt: Math.floor(damagedAt),
      refusedFor: 'login_required',
      unusable: reason,
    }
  }

  /** The message never holds what the file does. */
  const damaged = (key: string) =>
    unusable(key, {
      message: `the credentials file is damaged and was quarantined as ${pathOf(key, damagedSuffix)}`,
      remedy: 'Sign in again with `blink-manifestd login`, or put back a copy from a backup.',
    })

  async function read(key: string): Promise<Credentials | undefined> {
    try {
      const kept = await fileOf(key).read()
      if (kept) return fromFile(key, kept)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return unusable(key, { message: error.message, remedy: error.remedy ?? '' })
    }
    // A power cut leaves files that are empty or full of zeros.
    const isGone = await rename(pathOf(key, credentialsSuffix), pathOf(key, damagedSuffix)).then(
      () => false,
      (cause: unknown) => errorCode(cause) === 'ENOENT',
    )
    return isGone ? undefined : damaged(key)
  }

  return {
    async list() {
      const names = await listFiles(directory)
      const forgotten = new Set(stemsOf(names, forgottenSuffix))
      const whole = new Set(stemsOf(names, credentialsSuffix))
      const keys = new Set([...whole, ...stemsOf(names, damagedSuffix)]).difference(forgotten)
      const all = [...keys].sort().map((key) => (whole.has(key) ? read(key) : damaged(key)))
      return (await Promise.all(all)).filter((one) => one !== undefined)
    },
    async save(credentials) {
      const file = fileOf(credentials.key)
      await file.write(toFile(credentials))
      // Looked at afterwards: what is forgotten in this very moment must not come back.
      if ((await readWhole(pathOf(credentials.key, forgottenSuffix))) !== undefined) await file.remove()
    },
    async forget(key) {
      await writeWhole(pathOf(key, forgottenSuffix), '')
      for (const suffix of [credentialsSuffix, damagedSuffix]) await removeFile(pathOf(key, suffix))
    },
    forgotten: async () => new Set(stemsOf(await listFiles(directory), forgottenSuffix)),
    changedAt: () => modifiedAt(directory),
  }
}

/** A damaged file counts as none: the cloud names a pause again, and a budget begins anew. */
function limitFiles(directory: string): LimitStore {
  const files = <T>(suffix: string, schema: z.ZodType<T>) => {
    return (account: string): JsonFile<T> => jsonFile(join(directory, account + suffix), schema)
  }
  const breakers = files(breakerSuffix, breakerFile)
  const budgets = files(spentSuffix, spentFile)
  const counts = files(modulesSuffix, modulesFile)

  const limits: LimitStore = {
    async breaker(account) {
      const kept = await breakers(account).read()
      return kept ? fromBreaker(kept) : closedBreaker
    },
    saveBreaker: (account, breaker) => breakers(account).write(toBreaker(breaker)),
    spent: (account) => budgets(account).read(),
    saveSpent: (account, spent) => budgets(account).write(spent),
    moduleCount: async (account) => (await counts(account).read())?.modules,
    saveModuleCount: (account, modules) => counts(account).write({ modules }),
    move: (key, accountId) => moveLimits(limits, key, accountId),
    async remove(account) {
      for (const file of [breakers(account), budgets(account), counts(account)]) await file.remove()
    },
  }
  return limits
}

/** The names with this suffix, without it. */
function stemsOf(names: readonly string[], suffix: string): readonly string[] {
  return names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length))
}
