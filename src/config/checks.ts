/**
 * What settings must be true of each other and of the disk, once each is right by itself.
 */
import type { Problem } from '../errors.ts'
import { isOpenToOthers, isTls } from './addresses.ts'
import type { Values } from './schema.ts'
import { placeOf } from './source.ts'
import { readTextFile } from './text-file.ts'

/** Tells what is wrong with a cron expression, or `undefined`. */
export type CheckCron = (expression: string, allowFast: boolean) => string | undefined

export interface Facts {
  readonly values: Values
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

export function crossCheck(facts: Facts, checkCron: CheckCron | undefined): Findings {
  const found = [
    perAccount(facts),
    cron(facts, checkCron),
    password(facts),
    certificateAndKey(facts),
    ...(['ca', 'cert', 'key'] as const).map((file) => tlsFile(facts, file)),
    baseTopic(facts),
  ]
  const problems = found
    .filter((finding) => finding !== undefined)
    .map(([name, message]) => ({ place: placeOf(name, facts.originOf(name)), message }))
  return { problems, warnings: [...openUrls(facts), ...overlaps(facts), ...switchedOff(facts)] }
}

function perAccount({ values: { blink }, usable }: Facts): Finding {
  if (!usable('blink.perAccount', 'blink.concurrency') || blink.perAccount <= blink.concurrency)
    return undefined
  return ['blink.perAccount', `must be at most blink.concurrency, which is ${blink.concurrency}`]
}

function cron({ values: { schedule }, usable }: Facts, checkCron: CheckCron | undefined): Finding {
  if (!checkCron || !usable('schedule.cron', 'schedule.allowFast')) return undefined
  const message = checkCron(schedule.cron, schedule.allowFast)
  return message === undefined ? undefined : ['schedule.cron', message]
}

function password({ values: { mqtt }, usable }: Facts): Finding {
  if (!usable('mqtt.username', 'mqtt.password')) return undefined
  if (mqtt.password === undefined || mqtt.username !== undefined) return undefined
  return ['mqtt.password', 'needs mqtt.username with it']
}

function certificateAndKey({ values: { mqtt }, usable }: Facts): Finding {
  if (!usable('mqtt.cert', 'mqtt.key')) return undefined
  if (mqtt.cert !== undefined && mqtt.key === undefined) return ['mqtt.cert', 'needs mqtt.key with it']
  if (mqtt.cert === undefined && mqtt.key !== undefined) return ['mqtt.key', 'needs mqtt.cert with it']
  return undefined
}

function tlsFile({ values: { mqtt }, usable }: Facts, file: 'ca' | 'cert' | 'key'): Finding {
  const name = `mqtt.${file}`
  const path = mqtt[file]
  if (!usable(name) || path === undefined) return undefined
  const read = readTextFile(path)
  if (read.kind !== 'text') return [name, `cannot read ${path}: ${read.reason}`]
  if (!read.text.includes('-----BEGIN '))
    return [name, `${path} is not a PEM file: it has no line with -----BEGIN`]
  if (!usable('mqtt.url') || isTls(mqtt.url)) return undefined
  return [name, 'is of use only when mqtt.url starts with mqtts:// or wss://']
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
