/**
 * The ids the daemon had stored, from two witnesses: a copy of its database made while it was dead, and its log.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'

export interface OnDisk {
  /** Request ids that wait for the broker. */
  readonly waiting: readonly number[]
  /** Request ids that live, delivered or not. */
  readonly recorded: readonly number[]
  /** Events of manifests and clips that wait for the broker. */
  readonly others: number
  readonly clips: readonly ClipRow[]
}

/** A clip in the ledger. */
export interface ClipRow {
  /** `account/network/sync module`. */
  readonly module: string
  readonly state: string
  readonly clip: z.infer<typeof clipOf>
}

const clipOf = z.looseObject({
  state: z.string(),
  createdAt: z.number(),
  listedSize: z.number().optional(),
  cameraName: z.string(),
  retryAt: z.number().optional(),
  reason: z.string().optional(),
  file: z.looseObject({ path: z.string() }).optional(),
})

const isRequest = "kind = 'manifest_requested'"

const itemOf = z.object({ requestId: z.coerce.number() })

/** Reads a copy, so that the daemon's own recovery from the kill is not done for it. */
export function readDisk(dataDir: string): OnDisk {
  if (!existsSync(join(dataDir, 'state.db'))) return { waiting: [], recorded: [], others: 0, clips: [] }
  const copies = mkdtempSync(`${dataDir}-copy-`)
  for (const name of ['state.db', 'state.db-wal']) {
    if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(copies, name))
  }
  const sql = new DatabaseSync(join(copies, 'state.db'))
  try {
    const idsIn = (query: string) =>
      sql
        .prepare(query)
        .all()
        .map((row) => itemOf.parse(JSON.parse(String(row.body))).requestId)
    return {
      waiting: idsIn(`SELECT body FROM events WHERE seq IN (SELECT seq FROM outbox) AND ${isRequest}`),
      recorded: idsIn(`SELECT body FROM events WHERE ${isRequest}`),
      others: Number(sql.prepare(`SELECT count(*) AS n FROM outbox WHERE NOT ${isRequest}`).get()?.n),
      clips: sql
        .prepare('SELECT module, state, clip FROM clips')
        .all()
        .map(({ module, state, clip }) => ({
          ...{ module: String(module), state: String(state), clip: clipOf.parse(JSON.parse(String(clip))) },
        })),
    }
  } finally {
    sql.close()
    rmSync(copies, { recursive: true, force: true })
  }
}

export interface LogRead {
  /** Request IDs logged as requested, which is logged when they are on disk. */
  readonly stored: readonly number[]
  readonly expired: number
  /** Accounts that wait for a person. */
  readonly signedOut: readonly number[]
  /** Messages at `error` and above, with how often. */
  readonly errors: Readonly<Record<string, number>>
  /** Lines that are no log lines: stack traces, warnings of the runtime. */
  readonly stray: readonly string[]
  /** Lines with a secret in them. */
  readonly leaks: readonly string[]
}

const lineOf = z.looseObject({ level: z.number(), msg: z.string() })
const errorLevel = 50

/** @param cutOff whether the last line may be a half one, because the writer was killed */
export function readLog(text: string, { secret, cutOff }: { secret: RegExp; cutOff: boolean }): LogRead {
  const lines = text.split('\n')
  const last = lines.pop() ?? ''
  const stray = last === '' || cutOff ? [] : [last]
  const stored: number[] = []
  const signedOut: number[] = []
  const errors: Record<string, number> = {}
  let expired = 0
  for (const line of lines) {
    const parsed = lineOf.safeParse(jsonOf(line))
    if (!parsed.success) {
      stray.push(line)
      continue
    }
    const { level, msg, request_id, account_id, count } = parsed.data
    if (msg === 'manifest requested') stored.push(Number(request_id))
    if (msg === 'account needs a person to sign in') signedOut.push(Number(account_id))
    if (msg === 'events expired before the broker took them') expired += Number(count)
    if (level >= errorLevel) errors[msg] = (errors[msg] ?? 0) + 1
  }
  return { stored, expired, signedOut, errors, stray, leaks: lines.filter((line) => secret.test(line)) }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
