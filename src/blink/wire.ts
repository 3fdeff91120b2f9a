/**
 * The JSON we rely on, field by field, and the values we make of it; `null` ends here.
 *
 * As little as possible is required: the API is nobody's promise, and a field we can do without must not cost
 * a run. What is required is checked hard, because ids and regions become parts of addresses.
 */
import { z } from 'zod'
import { CloudChanged, type RequestOutcome } from '../domain/errors.ts'
import type { BlinkId, StorageStatus, SyncModule } from '../domain/model.ts'
import { Secret } from '../domain/secret.ts'
import { type CallKind, calls, regionOf } from './api.ts'

/** Decimal, positive, canonical. A long integer is text by the time it is here. */
export const blinkId = z
  .union([z.number(), z.string()])
  .transform(String)
  .refine((text) => /^[1-9]\d{0,19}$/.test(text))

/** Anything that goes into a header or a form: printable ASCII without blanks. */
const token = z.string().regex(/^[\x21-\x7e]{1,8192}$/)

const longestTextPoints = 200

/** The owner's text, or what passes for one; never a reason to refuse an answer. */
const text = z
  .union([z.string(), z.number(), z.boolean()])
  .transform((value) => {
    const points = [...String(value).toWellFormed()].slice(0, longestTextPoints).join('')
    return points.trim() === '' ? undefined : points
  })
  .optional()
  .catch(undefined)

/** Seconds. The bounds are ours: a life of zero or of years is a slip, and 401 corrects what we got wrong. */
const lifeSeconds = z
  .union([z.number(), z.string().regex(/^\d+(\.\d+)?$/)])
  .transform(Number)
  .refine((seconds) => seconds > 0)
  .transform((seconds) => Math.min(Math.max(seconds, 60), 24 * 60 * 60))
  // blinkpy e33bdef assumes the same when the field is missing.
  .catch(3600)

/** @see blinkpy e33bdef, blinkpy/auth.py, _process_token_data */
const tokenAnswer = z.object({
  access_token: token.optional().catch(undefined),
  // The same under another name. @see BlinkMonitorProtocol, AUTHENTICATION.md
  token: token.optional().catch(undefined),
  // Left out when the old one stays good. @see RFC 6749, section 6
  refresh_token: token.optional().catch(undefined),
  expires_in: lifeSeconds,
})

/** @see BlinkMonitorProtocol 278a4cd, v1/users/get-tier-info.md */
const tierInfo = z.object({
  tier: z.string().transform(regionOf).pipe(z.string()),
  account_id: blinkId.optional().catch(undefined),
})

/**
 * @see BlinkMonitorProtocol 278a4cd, v1/accounts/request-local-storage-manifest.md: the app reads only `id`
 */
const manifestRequest = z.object({ id: blinkId })

/** @see BlinkMonitorProtocol 278a4cd, v3/accounts/homescreen.md; fields by the captures of several clients */
const syncModule = z.object({
  id: blinkId,
  network_id: blinkId,
  name: text,
  serial: text,
  type: text,
  fw_version: text,
  // `online`, `offline`. @see blinkpy e33bdef, blinkpy/sync_module.py
  status: text,
  onboarded: z.unknown().optional(),
  // Both since about October 2020; older captures have neither.
  local_storage_status: text,
  local_storage_compatible: z.unknown().optional(),
})

const network = z.object({ id: blinkId, name: text })

const list = z.array(z.unknown()).nullish()

/** Without modules when there are networks only; `networks` is good for names and nothing else. */
const homescreen = z.object({ sync_modules: list, networks: list.catch(undefined) })

export interface TokenAnswer {
  readonly accessToken: Secret
  /** `undefined` when the old one stays good. */
  readonly refreshToken: Secret | undefined
  readonly lifeMs: number
}

/** @throws CloudChanged when there is no usable access token in it */
export function readTokens(json: unknown): TokenAnswer {
  const answer = read('token', tokenAnswer, json)
  const accessToken = answer.access_token ?? answer.token
  if (accessToken === undefined) throw changed('token', 'access_token')
  return {
    accessToken: new Secret(accessToken),
    refreshToken: answer.refresh_token === undefined ? undefined : new Secret(answer.refresh_token),
    lifeMs: answer.expires_in * 1000,
  }
}

export interface TierInfo {
  readonly region: string
  readonly accountId: BlinkId | undefined
}

/** @throws CloudChanged when the region is missing or cannot be part of a host name */
export function readTierInfo(json: unknown): TierInfo {
  const { tier, account_id } = read('tier_info', tierInfo, json)
  return { region: tier, accountId: account_id }
}

/** @throws CloudChanged when the answer does not name the account */
export function accountIdOf({ accountId }: TierInfo): BlinkId {
  if (accountId === undefined) throw changed('tier_info', 'account_id')
  return accountId
}

/**
 * @throws CloudChanged with outcome `unknown` when there is no usable id in it: something was made all the
 * same
 */
export function readManifestRequest(json: unknown): BlinkId {
  // Looked at by hand first, for this is the answer of which there are most.
  const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : undefined
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return String(id)
  return read('manifest_request', manifestRequest, json).id
}

export interface Homescreen {
  readonly modules: readonly SyncModule[]
  /** Entries left out because they have no usable ids. */
  readonly unreadable: number
}

/**
 * Every sync module of the home screen, each once.
 *
 * Networks are no help in finding them: names repeat, and a module may belong to a network that is not
 * listed.
 *
 * @throws CloudChanged when there is no list, or not one entry of it can be read
 */
export function readHomescreen(json: unknown, accountId: BlinkId): Homescreen {
  const answer = read('homescreen', homescreen, json)
  if (answer.sync_modules === undefined && answer.networks === undefined)
    throw changed('homescreen', 'sync_modules')
  const names = networkNames(answer.networks ?? [])
  const entries = (answer.sync_modules ?? []).map((raw) => syncModule.safeParse(unwrap(raw)))
  const readable = entries.flatMap(({ data }) => (data ? [moduleOf(data, accountId, names)] : []))
  if (entries.length > 0 && readable.length === 0) throw changed('homescreen', 'sync_modules[].id')
  const each = new Map(readable.map((module) => [`${module.networkId}/${module.syncModuleId}`, module]))
  return { modules: [...each.values()], unreadable: entries.length - readable.length }
}

function networkNames(entries: readonly unknown[]): ReadonlyMap<BlinkId, string | undefined> {
  const networks = entries.flatMap((raw) => network.safeParse(raw).data ?? [])
  return new Map(networks.map(({ id, name }) => [id, name]))
}

const entry = z.looseObject({ network_id: z.unknown().optional(), network: z.unknown().optional() })
const wrapped = z.object({ sync_module: entry })

/**
 * Entries wrapped in `sync_module`, and `network` for `network_id`. @see nico579/blink2video, blink_models.py
 */
function unwrap(raw: unknown): unknown {
  const fields = wrapped.safeParse(raw).data?.sync_module ?? entry.safeParse(raw).data
  return fields && { ...fields, network_id: fields.network_id ?? fields.network }
}

function moduleOf(
  fields: z.output<typeof syncModule>,
  accountId: BlinkId,
  names: ReadonlyMap<BlinkId, string | undefined>,
): SyncModule {
  return {
    accountId,
    networkId: fields.network_id,
    syncModuleId: fields.id,
    name: fields.name ?? `Sync Module ${fields.id}`,
    networkName: names.get(fields.network_id),
    serial: fields.serial,
    model: fields.type,
    firmware: fields.fw_version,
    connection: connectionOf(fields.status),
    onboarded: fields.onboarded !== false,
    storage: storageOf(fields.local_storage_status, fields.local_storage_compatible),
  }
}

/** `done` is what battery cameras say for "online". @see luigibarretta/vistoda-blink, ADR 0013 */
function connectionOf(status: string | undefined): SyncModule['connection'] {
  if (status === 'offline') return 'offline'
  return status === 'online' || status === 'done' ? 'online' : 'unknown'
}

const storageStatuses: readonly StorageStatus[] = [
  'active',
  'memory_full',
  'format_required',
  'unmounted',
  'unavailable',
  'incompatible',
]

/**
 * A Sync Module 1 says "not compatible" and "unavailable"; the former is what its owner should see, since
 * no drive will change it. Against a drive that is in use the flag has no say.
 */
function storageOf(status: string | undefined, compatible: unknown): StorageStatus | undefined {
  if (compatible === false && (status === undefined || status === 'unavailable')) return 'incompatible'
  return status === undefined ? undefined : (storageStatuses.find((known) => known === status) ?? 'unknown')
}

/** @throws CloudChanged when the JSON does not fit the schema */
export function read<T extends z.ZodType>(kind: CallKind, schema: T, json: unknown): z.output<T> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  // Names of fields are ours, for they come from the schema; the values are not repeated.
  throw changed(kind, result.error.issues[0]?.path.join('.') ?? '')
}

/** The error for an answer in which `field` is missing or odd. */
export function changed(kind: CallKind, field: string): CloudChanged {
  const { says, creates } = calls[kind]
  const outcome: RequestOutcome = creates ? 'unknown' : 'not-done'
  const what = field === '' ? 'the answer is' : `in the answer, \`${field}\` is missing or`
  return new CloudChanged(`${says}: ${what} not what we know`, {
    outcome,
    remedy: 'Blink may have changed its API. Look for a newer version of blink-manifestd.',
  })
}
