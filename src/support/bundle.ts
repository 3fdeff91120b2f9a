/**
 * The bundle for a bug report: one JSON document in which a developer sees how an installation is set up and what it did
 * last, and nobody sees who it belongs to.
 *
 * Masked twice: by what is known of this installation, and by how secrets and addresses look. Ids of accounts, networks
 * and modules become numbers that mean nothing elsewhere, the same throughout the document.
 */
import type { LoadedSettings, Settings } from '../config/settings.ts'
import { type Clock, iso } from '../domain/clock.ts'
import type { StoreReport, SupportBundle, TailLine } from '../domain/diagnostics.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, Credentials, Progress, Sighting } from '../domain/model.ts'
import type { CredentialStore, LimitStore } from '../domain/ports.ts'
import { timeOrNull } from '../domain/text.ts'
import { knownIn } from './known-texts.ts'
import { createRedaction, type KnownTexts } from './redaction.ts'

export interface BundleNeeds {
  readonly version: string
  readonly loaded: LoadedSettings
  readonly credentials: Pick<CredentialStore, 'list'>
  readonly limits: LimitStore
  /** `undefined` where nothing was stored yet. @throws StoreFailed when it cannot be read */
  readonly report: () => Promise<StoreReport | undefined>
  readonly lines: readonly TailLine[]
  /** Whether the daemon runs, as a sentence. */
  readonly daemon: string
  readonly clock: Pick<Clock, 'now'>
}

const note =
  'Secrets, addresses, serial numbers and names are masked, and ids are replaced by numbers of this document. ' +
  'Please look through it before you publish it.'

/** What a file of it is called. */
function bundleName(now: number): string {
  return `blink-manifestd-support-${iso(now).replace(/[-:]|\.\d+/g, '')}.json`
}

export async function supportBundle(needs: BundleNeeds): Promise<SupportBundle> {
  const { version, limits, clock } = needs
  const { settings, shown } = needs.loaded
  const credentials = await needs.credentials.list()
  const { report, trouble } = await reported(needs.report)
  const masked = redactionOf({ settings, credentials, report })
  const accounts = await Promise.all(
    credentials.map(async (one) => masked.value(await accountOf(one, limits))),
  )
  const { modules, cameraNames: _names, ...database } = report ?? { modules: [], cameraNames: [] }
  const document = {
    note,
    schema: 1,
    made_at: iso(clock.now()),
    versions: versions(version),
    daemon: masked.text(needs.daemon),
    settings: shown.map(({ name, value, origin }) => ({
      name,
      value: masked.value(value, name.split('.').at(-1)),
      origin: masked.text(origin),
    })),
    accounts,
    sync_modules: modules.map((one) => masked.value(moduleOf(one))),
    database: trouble
      ? { integrity: masked.text(trouble) }
      : report
        ? database
        : { integrity: 'there is none' },
    lines: needs.lines.map(({ at, level, message, fields }) => {
      const rest = JSON.stringify(masked.value(fields))
      return `${iso(at)} ${level} ${masked.text(message)}${rest === '{}' ? '' : ` ${rest}`}`
    }),
  }
  return { name: bundleName(clock.now()), text: `${JSON.stringify(document, undefined, 2)}\n` }
}

async function reported(report: BundleNeeds['report']) {
  try {
    return { report: await report() }
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    return { trouble: error.message }
  }
}

function versions(version: string) {
  const { node, openssl, sqlite } = process.versions
  return { blink_manifestd: version, node, openssl, sqlite, platform: process.platform, arch: process.arch }
}

interface KnownParts {
  readonly settings: Settings
  readonly credentials: readonly Credentials[]
  readonly report: StoreReport | undefined
}

/** The masks of this installation; ids are replaced after all else. */
function redactionOf({ settings, credentials, report }: KnownParts) {
  const modules = report?.modules.map(({ module }) => module) ?? []
  const known = knownIn(settings)
  const names = [
    ...modules.flatMap(({ name, networkName = '' }) => [name, networkName]),
    ...(report?.cameraNames ?? []),
  ]
  const all: KnownTexts = {
    ...known,
    secrets: [
      ...(known.secrets ?? []),
      ...credentials.flatMap(({ refreshToken, hardwareId = '' }) => [refreshToken.reveal(), hardwareId]),
    ],
    names: [...(known.names ?? []), ...names.flatMap(variantsOf)],
    serials: modules.flatMap(({ serial = '' }) => [serial]),
  }
  const redaction = createRedaction(all)
  const numbered = numbering([
    ['account', [...credentials.map(({ accountId }) => accountId), ...modules.map((one) => one.accountId)]],
    ['network', modules.map(({ networkId }) => networkId)],
    ['module', modules.map(({ syncModuleId }) => syncModuleId)],
  ])
  return {
    text: (text: string) => numbered(redaction.text(text)),
    value: (value: unknown, key?: string) => deeply(redaction.value(value, key), numbered),
  }
}

/** As it is, as a manifest strips it, and as file names have it. */
function variantsOf(name: string): readonly string[] {
  return [name, name.replace(/[^\p{L}\p{N}_]/gu, ''), name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_').trim()]
}

/** Replaces ids in texts; the first account is `account-1`, whatever its id. */
function numbering(kinds: readonly (readonly [kind: string, ids: readonly (BlinkId | undefined)[]])[]) {
  const labels = new Map<string, string>()
  for (const [kind, ids] of kinds) {
    let count = 0
    for (const id of new Set(ids)) if (id && !labels.has(id)) labels.set(id, `${kind}-${++count}`)
  }
  return (text: string) =>
    text.replace(/(?<![\p{L}\p{N}])\d+(?![\p{L}\p{N}])/gu, (digits) => labels.get(digits) ?? digits)
}

const ofPlaces = /^(?:account|network|sync_module)_ids?$|^account$/

/** Times and counts stay numbers; a number that is an id of ours becomes its label. */
function deeply(value: unknown, numbered: (text: string) => string): unknown {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? value : numbered(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((each) => deeply(each, numbered))
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      const isId = typeof each === 'number' && /_ids?$/.test(key)
      const shown = deeply(isId ? String(each) : each, numbered)
      // One that is known no more has no number here.
      return [key, ofPlaces.test(key) && /^\d+$/.test(String(shown)) ? '[id]' : shown]
    }),
  )
}

async function accountOf(one: Credentials, limits: LimitStore) {
  const account = one.accountId ?? one.key
  const breaker = await limits.breaker(account)
  return {
    account,
    state: one.refusedAt === undefined ? 'ok' : (one.refusedFor ?? 'login_required'),
    unusable: one.unusable?.message ?? null,
    source: one.source,
    client_id: one.clientId,
    region: one.region ?? null,
    refused_at: timeOrNull(one.refusedAt),
    refreshed_at: timeOrNull(one.refreshedAt),
    failures: breaker.failures,
    paused_until: timeOrNull(breaker.openUntil),
    budget: (await limits.spent(account)) ?? null,
    modules: (await limits.moduleCount(account)) ?? null,
  }
}

function moduleOf({ module, missing, ...progress }: Sighting & Progress) {
  const { lastFailure, lastAccepted } = progress
  return {
    account: module.accountId,
    network_id: module.networkId,
    sync_module_id: module.syncModuleId,
    model: module.model ?? null,
    firmware: module.firmware ?? null,
    connection: module.connection,
    onboarded: module.onboarded,
    storage: module.storage ?? null,
    lists_without_it: missing,
    requests_total: progress.requestsTotal,
    failures_in_a_row: progress.failuresInARow,
    last_attempt_at: timeOrNull(progress.lastAttemptAt),
    last_outcome: progress.lastOutcome ?? null,
    last_failure: lastFailure ?? null,
    last_skip: progress.lastSkip?.reason ?? null,
    last_latency_ms: progress.lastLatencyMs ?? null,
    last_accepted_at: timeOrNull(lastAccepted?.requestedAt),
  }
}
