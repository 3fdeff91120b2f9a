/**
 * Rows back to values. SQLite guards its pages but not the bytes in them, so a flipped bit in a text is met here.
 */
import { z } from 'zod'
import type { DurableEvent, EventBodies, EventKind, Progress, SyncModule, WorkItem } from '../domain/model.ts'
import type { Row } from './connection.ts'
import { damaged } from './sqlite-errors.ts'
import { parseJson } from './state-files.ts'

const id = z.string().regex(/^\d+$/)
const key = { accountId: id, networkId: id, syncModuleId: id }

const trigger = z.enum(['schedule', 'start', 'command', 'once'])

const workItem = z.looseObject({
  ...key,
  eventId: z.uuid(),
  requestId: id,
  trigger,
  tickId: z.string(),
  attempt: z.number(),
  pollPath: z.string(),
  pollUrl: z.string(),
  requestedAt: z.number(),
  expiresAt: z.number(),
})

/** What nobody can do without; the rest is copied into topics as it is. */
const syncModule = z.looseObject({ ...key, name: z.string() })

const accepted = { requestId: id, trigger, requestedAt: z.number(), expiresAt: z.number() }

const progress = z.looseObject({
  requestsTotal: z.number(),
  failuresInARow: z.number(),
  lastAccepted: z.looseObject({ ...accepted }).optional(),
})

const recent = z.array(z.tuple([z.number(), z.number()]))

const bodies: { readonly [Kind in EventKind]: z.ZodType<EventBodies[Kind]> } = {
  manifest_requested: workItem,
}

/** The columns of an event's row. */
export const eventColumns = 'seq, kind, order_key, expires_at, body'

/** The event of a row, or `undefined` when it is none. */
export function eventIn(row: Row): DurableEvent | undefined {
  const kind = String(row.kind)
  if (!isKind(kind)) return undefined
  const body = bodies[kind].safeParse(parseJson(String(row.body))).data
  return body && { kind, orderKey: String(row.order_key), expiresAt: Number(row.expires_at), body }
}

/** The work item of a row's text, or `undefined` when it is none. */
export function workItemIn(text: unknown): WorkItem | undefined {
  return workItem.safeParse(parseJson(String(text))).data
}

function isKind(text: string): text is EventKind {
  return Object.hasOwn(bodies, text)
}

/** The sync module of a row's text, or `undefined` when it is none. */
export function moduleIn(text: unknown): SyncModule | undefined {
  const value = parseJson(String(text))
  // Written from a SyncModule; absent values were left out by JSON and read as undefined again.
  return syncModule.safeParse(value).success ? (value as SyncModule) : undefined
}

/** The progress of a row's text, or `undefined` when it is none. */
export function progressIn(text: unknown): Progress | undefined {
  const value = parseJson(String(text))
  return progress.safeParse(value).success ? (value as Progress) : undefined
}

/** A live item of a module. */
export interface Recent {
  readonly seq: number
  readonly expiresAt: number
}

/** More than any TTL and schedule that make sense produce; bounds what a module's topics show. */
const mostRecent = 50

/** The newest of a module's live items, as its row holds them. */
export function recentText(items: readonly Recent[]): string {
  return JSON.stringify(items.slice(-mostRecent).map(({ seq, expiresAt }) => [seq, expiresAt]))
}

/** The live items of a row's text, or `undefined` when it is not what we wrote. */
export function recentIn(text: unknown): readonly Recent[] | undefined {
  const pairs = recent.safeParse(parseJson(String(text))).data
  return pairs?.map(([seq, expiresAt]) => ({ seq, expiresAt }))
}

/** The value, which must be there. @throws DatabaseDamaged when it is not */
export function readable<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw damaged(`cannot read ${what}`)
  return value
}
