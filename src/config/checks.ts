/**
 * What settings must be true of each other and of the disk, once each is right by itself.
 */
import type { Problem } from '../domain/errors.ts'
import { checkCron } from './cron.ts'
import { readTextFile } from './file.ts'
import { isLocal, isOpenToOthers, isTls, parseListen } from './formats.ts'
import type { Values } from './schema.ts'
import { placeOf } from './sources.ts'

/** One text, or one sentence, for each of the PEM files that there is one for. */
type PerPemFile = Readonly<Partial<Record<'ca' | 'cert' | 'key', string | undefined>>>

/** Checks that other modules make. None of their messages repeats a secret. */
export interface Checks {
  /** Returns what is wrong with token lines, a sentence each. */
  readonly checkTokens?: ((text: string) => readonly string[]) | undefined
  /** Returns what is wrong with the texts of PEM files, as the end of a sentence that starts with the file's path. */
  readonly checkTls?: ((texts: PerPemFile) => PerPemFile) | undefined
}

export interface Facts {
  readonly values: Values
  /** Whether what is not given is truly not given: the settings file could be understood to its end. */
  readonly whole: boolean
  /** Where a value came from; `default` when it was given nowhere. */
  originOf(name: string): string
  /** Whether all of these are right by themselves; what is wrong already needs no second problem. */
  usable(...names: readonly string[]): boolean
}

export interface Findings {
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

type Finding = readonly [name: string, message: string] | undefined

export function crossCheck(facts: Facts, { checkTokens, checkTls }: Checks): Findings {
  // With half a file, what belongs together would look torn apart.
  const together = facts.whole
    ? [
        ...[perAccount(facts), cron(facts), password(facts), openBroker(facts)],
        ...[certificateAndKey(facts), baseTopic(facts), openPage(facts), storeKey(facts), ownBroker(facts)],
      ]
    : []
  const found = [...tokens(facts, checkTokens), ...together, ...pemFiles(facts, checkTls)]
  const problems = found
    .filter((finding) => finding !== undefined)
    .map(([name, message]) => ({ place: placeOf(name, facts.originOf(name)), message }))
  return {
    problems,
    warnings: [
      ...[...openUrls(facts), ...overlaps(facts), ...switchedOff(facts), ...openProxy(facts)],
      ...withoutStore(facts),
    ],
  }
}

function perAccount({ values: { blink }, usable }: Facts): Finding {
  if (!usable('blink.perAccount', 'blink.concurrency') || blink.perAccount <= blink.concurrency)
    return undefined
  return ['blink.perAccount', `must be at most blink.concurrency, which is ${blink.concurrency}`]
}

function tokens(
  { values: { blink }, usable }: Facts,
  checkTokens: Checks['checkTokens'],
): readonly Finding[] {
  if (!checkTokens || !usable('blink.tokens') || blink.tokens === undefined) return []
  return checkTokens(blink.tokens).map((message) => ['blink.tokens', message])
}

function cron({ values: { schedule }, usable }: Facts): Finding {
  if (!usable('schedule.cron', 'schedule.allowFast')) return undefined
  const message = checkCron(schedule.cron, schedule.allowFast)
  return message === undefined ? undefined : ['schedule.cron', message]
}

function password({ values: { mqtt }, usable }: Facts): Finding {
  if (!usable('mqtt.username', 'mqtt.password')) return undefined
  if (mqtt.password === undefined || mqtt.username !== undefined) return undefined
  return ['mqtt.password', 'needs mqtt.username with it']
}

/** Anyone in the network could send commands, and forge request IDs. */
function openBroker({ values: { mqtt }, usable }: Facts): Finding {
  if (mqtt.url !== 'embedded' || !usable('mqtt.listen', 'mqtt.username', 'mqtt.password')) return undefined
  if (mqtt.password !== undefined || isLocal(parseListen(mqtt.listen))) return undefined
  return [
    'mqtt.listen',
    'would let anyone in this network into the built-in broker: set mqtt.username and mqtt.password, or listen on 127.0.0.1',
  ]
}

/** Anyone in the network could sign accounts in and out. */
function openPage({ values: { web }, usable }: Facts): Finding {
  if (web.listen === undefined || !usable('web.listen', 'web.password')) return undefined
  if (web.password !== undefined || isLocal(parseListen(web.listen))) return undefined
  return [
    'web.listen',
    'would open the page to anyone in this network: set web.password or web.passwordFile, or listen on 127.0.0.1',
  ]
}

function certificateAndKey({ values: { mqtt }, usable }: Facts): Finding {
  if (!usable('mqtt.cert', 'mqtt.key')) return undefined
  if (mqtt.cert !== undefined && mqtt.key === undefined) return ['mqtt.cert', 'needs mqtt.key with it']
  if (mqtt.cert === undefined && mqtt.key !== undefined) return ['mqtt.key', 'needs mqtt.cert with it']
  return undefined
}

/** One finding for each file at most: what cannot be read has no other fault. */
function pemFiles(
  { values: { mqtt }, whole, usable }: Facts,
  checkTls: Checks['checkTls'],
): readonly Finding[] {
  const files = (['ca', 'cert', 'key'] as const).flatMap((file) => {
    const path = mqtt[file]
    return path === undefined || !usable(`mqtt.${file}`) ? [] : [{ file, path, read: readTextFile(path) }]
  })
  const texts = files.flatMap(({ file, read }) => (read.kind === 'text' ? [[file, read.text] as const] : []))
  const wrong = checkTls?.(Object.fromEntries(texts)) ?? {}
  const isOfUse = !whole || !usable('mqtt.url') || isTls(mqtt.url)
  return files.map(({ file, path, read }) => {
    const name = `mqtt.${file}`
    if (read.kind !== 'text') return [name, `cannot read ${path}: ${read.reason}`]
    if (wrong[file] !== undefined) return [name, `${path} ${wrong[file]}`]
    return isOfUse ? undefined : [name, 'is of use only when mqtt.url starts with mqtts:// or wss://']
  })
}

/** Below Home Assistant's prefix our topics would be read as discovery. */
function baseTopic({ values: { mqtt, homeAssistant }, usable }: Facts): Finding {
  if (!usable('mqtt.baseTopic', 'homeAssistant.prefix')) return undefined
  if (!`${mqtt.baseTopic}/`.startsWith(`${homeAssistant.prefix}/`)) return undefined
  return ['mqtt.baseTopic', `must not be homeAssistant.prefix, which is ${homeAssistant.prefix}, or below it`]
}

function openUrls({ values: { blink }, originOf, usable }: Facts): readonly string[] {
  const urls = [
    ['blink.oauthUrl', blink.oauthUrl],
    ['blink.restUrl', blink.restUrl],
  ] as const
  return urls
    .filter(([name, url]) => usable(name) && isOpenToOthers(url))
    .map(([name]) => `${placeOf(name, originOf(name))} is plain http: tokens can be read on the way`)
}

function overlaps({ values: { modules }, usable }: Facts): readonly string[] {
  if (!usable('modules.include', 'modules.exclude')) return []
  const excluded = new Set(modules.exclude)
  return modules.include
    .filter((entry) => excluded.has(entry) || excluded.has(entry.replace(/\/.*/, '')))
    .map((entry) => `modules.include names ${entry}, but modules.exclude rules it out, and exclude wins`)
}

function switchedOff({ values: { mqtt, homeAssistant }, originOf, usable }: Facts): readonly string[] {
  const name = 'homeAssistant.enabled'
  if (!usable(name, 'mqtt.topics') || mqtt.topics === 'all') return []
  if (originOf(name) === 'default' || !homeAssistant.enabled) return []
  return [`${placeOf(name, originOf(name))} has no effect: mqtt.topics is work_items, which switches it off`]
}

/** A reverse proxy may ask for a password of its own, so it is no error. */
function openProxy({ values: { web }, originOf, usable }: Facts): readonly string[] {
  const name = 'web.origins'
  if (!usable(name, 'web.password') || web.origins.length === 0) return []
  if (web.listen === undefined || web.password !== undefined) return []
  return [
    `${placeOf(name, originOf(name))} without web.password: whoever reaches the page there needs no password`,
  ]
}

/** Refresh tokens never get into a database unsealed. */
function storeKey({ values: { store }, usable }: Facts): Finding {
  if (store.url === undefined || store.key !== undefined || !usable('store.url', 'store.key'))
    return undefined
  return [
    'store.url',
    'needs store.key or store.keyFile with it; `blink-manifestd store key` prints a new key',
  ]
}

function withoutStore({ values: { store }, originOf, usable, whole }: Facts): readonly string[] {
  if (!whole || !usable('store.url') || store.url !== undefined) return []
  return ['store.key', 'fleet.instance']
    .filter((name) => originOf(name) !== 'default')
    .map((name) => `${placeOf(name, originOf(name))} has no effect without store.url`)
}

/** Each daemon that shares a store would publish where the others' subscribers do not listen. */
function ownBroker({ values: { store, mqtt }, usable }: Facts): Finding {
  if (store.url === undefined || mqtt.url !== 'embedded' || !usable('store.url', 'mqtt.url')) return undefined
  return ['mqtt.url', 'must name a broker that all daemons reach where they share store.url, not embedded']
}
