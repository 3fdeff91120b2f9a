/**
 * What is wrong with a message by the contract: its payload, and the flags and properties of its channel; and
 * with what the command line prints.
 */
import type { IPublishPacket } from 'mqtt'
import type { z } from 'zod'
import { type Channel, channels } from '../../src/topics/channels.ts'
import {
  accountLine,
  clipsDownloadLine,
  clipsListLine,
  discovered,
  loginLine,
  onceLine,
} from '../../src/topics/cli-schemas.ts'
import { anyResponse } from '../../src/topics/command-schemas.ts'

export interface Published {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  readonly qos: number
  /** Absent under MQTT 3.1.1. */
  readonly properties?: IPublishPacket['properties']
}

export interface Wire {
  readonly base: string
  /** Under MQTT 3.1.1 there are no properties, and a live message does not show its retain flag. */
  readonly protocolVersion: 4 | 5
}

/** A response goes where its command has asked for it, which may be another topic of ours. */
const elsewhere: Channel = {
  address: '',
  summary: '',
  kind: 'response',
  payload: anyResponse,
  format: 'json',
  expiry: channels.rejectedResponse?.expiry,
}

const addresses = Object.values(channels)
  .filter((channel) => channel !== channels.rejectedResponse)
  .map((channel) => ({
    channel,
    pattern: patternOf(channel),
  }))

/** A camera without an id of its own is named by a hash, and an instance by its owner. */
function patternOf({ address }: Channel): RegExp {
  const named = address
    .replace('{camera}', String.raw`([1-9]\d*|unknown/[\da-f]+)`)
    .replace('{name}', '[^/]+')
  return new RegExp(`^${named.replace(/\{\w+\}/g, String.raw`[1-9]\d*`)}$`)
}

/** One sentence for each rule that the message breaks; none for topics that are not below the base topic. */
export function violations(message: Published, wire: Wire): string[] {
  const { topic } = message
  if (!topic.startsWith(`${wire.base}/`)) return []
  const path = topic.slice(wire.base.length + 1)
  const known = addresses.find(({ pattern }) => pattern.test(path))?.channel
  // Anybody may publish commands, and well-formed they need not be.
  if (known?.kind === 'command' || /^bridge\/request\/|\/set\//.test(path)) return []
  if (!known && /^(bridge(?!\/response\/)|account|camera|sync)\//.test(path))
    return [`${topic}: no topic of the contract`]
  const channel = known ?? elsewhere
  return [
    ...payloadIssues(message, channel),
    ...flagIssues(message, channel, wire),
    ...(wire.protocolVersion === 5 ? propertyIssues(message, channel) : []),
  ].map((issue) => `${topic}: ${issue}: ${message.payload.slice(0, 500)}`)
}

function payloadIssues({ payload, retain }: Published, { kind, payload: schema, format }: Channel): string[] {
  if (payload === '') return kind === 'state' || retain ? [] : ['empty']
  if (format === 'text') return issuesOf(schema, payload)
  try {
    return issuesOf(schema, parseDocument(payload))
  } catch (error) {
    return [`no JSON: ${String(error)}`]
  }
}

const lines: Readonly<Record<string, z.ZodType>> = {
  once: onceLine,
  discover: discovered,
  accounts: accountLine,
  'clips list': clipsListLine,
  'clips download': clipsDownloadLine,
  login: loginLine,
}

/** What is wrong with what a command has printed for `--json`. */
export function lineViolations(args: readonly string[], stdout: string): string[] {
  const [first = '', second = ''] = args
  const schema = lines[first] ?? lines[`${first} ${second}`]
  if (!schema || !args.includes('--json')) return []
  const printed = stdout.split('\n').filter((line) => line !== '')
  return printed.flatMap((line) => issuesOf(schema, parseDocument(line)).map((issue) => `${issue}: ${line}`))
}

/** JSON with all digits of its ids: an integer beyond 2^53 stays raw. */
export function parseDocument(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(context?.source ?? '')
      ? JSON.rawJSON(context?.source ?? '')
      : value,
  )
}

export function issuesOf(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value)
  return error ? error.issues.map(({ path, message }) => `${path.join('.')} ${message}`) : []
}

function flagIssues({ payload, retain, qos }: Published, { kind }: Channel, wire: Wire): string[] {
  const isState = kind === 'state'
  const issues: string[] = []
  // Clearing a retained topic needs the flag, whatever the kind.
  if (retain && !isState && payload !== '') issues.push('retained')
  if (!retain && isState && wire.protocolVersion === 5) issues.push('not retained')
  if (qos !== 1) issues.push(`QoS ${qos}`)
  return issues
}

function propertyIssues(
  { payload, properties = {} }: Published,
  { kind, format, expiry }: Channel,
): string[] {
  const { messageExpiryInterval: seconds, contentType, payloadFormatIndicator, userProperties } = properties
  const issues: string[] = []
  if (payload === '') return issues
  const longest = expiry === 'ttl' ? lifeOf(payload) : expiry
  if (expiry === undefined && seconds !== undefined) issues.push(`expires in ${seconds} s`)
  if (longest !== undefined && (seconds === undefined || seconds < 1 || seconds > longest)) {
    issues.push(`expires in ${seconds} s, not within ${longest}`)
  }
  if (!payloadFormatIndicator) issues.push('not marked as text')
  if (format === 'text') return issues
  if (contentType !== 'application/json') issues.push(`content type ${contentType}`)
  if (userProperties?.schema !== '1') issues.push(`user property schema ${String(userProperties?.schema)}`)
  const eventId = userProperties?.event_id
  if (kind === 'event' && !payload.includes(`"event_id":"${String(eventId)}"`)) {
    issues.push('another user property event_id')
  }
  return issues
}

/** Seconds that a request ID can live at most; `undefined` for a list of none, which need not expire. */
function lifeOf(payload: string): number | undefined {
  const document = documentOf(payload)
  if (typeof document !== 'object') return Number.POSITIVE_INFINITY
  const newest = Array.isArray(document) ? (document as readonly Lived[]).at(-1) : (document as Lived)
  if (!newest) return undefined
  const { requested_at: from, expires_at: to } = newest
  if (from === undefined || to === undefined) return Number.POSITIVE_INFINITY
  return Math.ceil((Date.parse(to) - Date.parse(from)) / 1000)
}

function documentOf(payload: string): Lived | readonly Lived[] | undefined {
  try {
    return JSON.parse(payload) as Lived | readonly Lived[]
  } catch {
    return undefined
  }
}

interface Lived {
  readonly requested_at?: string
  readonly expires_at?: string
}
