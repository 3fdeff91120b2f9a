/**
 * What became of each clip: on disk once and whole, with one event, or away for a reason that a fault explains. Pure
 * but for reading what is on disk.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { StruckClip } from '../../src/simulator/clip-trouble.ts'
import type { Call } from '../../src/simulator/server.ts'
import type { ClipRecord } from '../../src/simulator/stick.ts'
import { lastPauses } from './breakers.ts'
import type { ClipTimes } from './clip-deeds.ts'
import { modules } from './homes.ts'
import type { Life } from './lives.ts'
import { failed } from './politeness.ts'
import { statistics } from './report.ts'
import type { ClipRow } from './stored.ts'
import type { Publish } from './wiretap.ts'

export interface ClipRecords {
  readonly journal: readonly (ClipRecord & { readonly module: number })[]
  readonly directory: string
  readonly rows: readonly ClipRow[]
  readonly publishes: readonly Publish[]
  readonly calls: readonly Call[]
  readonly struck: readonly StruckClip[]
  readonly lives: readonly Life[]
  readonly times: ClipTimes
}

export interface Clips {
  /** On the sticks of the simulated cloud, at whatever time. */
  readonly recorded: number
  readonly saved: number
  /** Not on disk, by the fault that explains it. */
  readonly excused: Readonly<Record<string, number>>
  /** Clips whose event went out more than once, and the copies beyond the first. */
  readonly announcedTwice: number
  readonly copies: number
  /** Saved only after a trouble had spoilt an upload. */
  readonly savedAfterTrouble: number
  readonly troubles: Readonly<Record<string, number>>
  readonly disk: Readonly<Record<string, number>>
  readonly renumbered: number
  /** Of all good requests for a clip, by the clips that were saved. */
  readonly requestsForEach: number
  /** Uploads that were requested although the next run was near, and by how much at most. */
  readonly inQuietTime: number
  readonly latestInQuietMs: number
  readonly failures: readonly string[]
}

/** A request that failed is known of when its clip was left alone, or a while before. */
const explainedWithinMs = 120_000
const dayMs = 24 * 60 * 60 * 1000

const clipNew = z.looseObject({ event_id: z.string(), sha256: z.string(), path: z.string() })

export function judgeClips(records: ClipRecords): Clips {
  const { journal, directory, rows, times, struck } = records
  const files = filesIn(directory)
  const whole = Map.groupBy(
    files.filter(({ path }) => path.endsWith('.mp4')),
    ({ sha256 }) => sha256,
  )
  const known = new Map(journal.map((record) => [record.sha256, record]))
  const events = Map.groupBy(
    records.publishes.map((publish) => ({ ...publish, ...clipNew.parse(JSON.parse(publish.payload)) })),
    ({ sha256 }) => sha256,
  )
  const lastStart = records.lives.at(-1)?.startedAt ?? 0
  const missing = journal.filter(({ sha256 }) => !whole.has(sha256))
  const excuses = missing.map((record) => ({ record, excuse: excuseOf(record, records) }))
  const acked = [...events.values()].map((all) => all.filter(({ ackedAt }) => ackedAt !== undefined))
  const spoilt = new Set(struck.map(({ key }) => key))
  const quiet = inQuietTime(records)
  return {
    recorded: journal.length,
    saved: journal.length - missing.length,
    excused: statistics(excuses.flatMap(({ excuse }) => excuse ?? [])),
    announcedTwice: acked.filter(({ length }) => length > 1).length,
    copies: acked.reduce((sum, all) => sum + Math.max(0, all.length - 1), 0),
    savedAfterTrouble: journal.filter(({ key, sha256 }) => spoilt.has(key) && whole.has(sha256)).length,
    troubles: statistics(struck.map(({ kind }) => kind)),
    disk: statistics(times.trouble.map(({ kind }) => kind)),
    renumbered: times.renumbered.length,
    requestsForEach: requestsForEach(records, whole.size),
    inQuietTime: quiet.length,
    latestInQuietMs: Math.max(0, ...quiet),
    failures: [
      ...[...whole].flatMap(([sha256, same]) =>
        same.length > 1 && !isTwice(known.get(sha256), journal, same.length)
          ? [`clip ${known.get(sha256)?.key} is on disk ${same.length} times: ${pathsOf(same)}`]
          : [],
      ),
      ...files
        .filter(({ path, sha256 }) => path.endsWith('.mp4') && !known.has(sha256))
        .map(({ path }) => `${path} is no clip of the cloud's`),
      ...files
        .filter(({ path, at }) => path.endsWith('.part') && at < lastStart)
        .map(({ path }) => `${path} was left by an earlier life`),
      ...excuses.flatMap(({ record, excuse }) =>
        excuse === undefined ? [`clip ${describe(record)} is not on disk: ${stateOf(record, rows)}`] : [],
      ),
      ...[...whole].flatMap(([sha256, same]) => {
        const ids = new Set(events.get(sha256)?.map(({ event_id: id }) => id))
        const wasAcked = events.get(sha256)?.some(({ ackedAt }) => ackedAt !== undefined)
        const wrong = ids.size !== same.length || !wasAcked
        return wrong
          ? [`clip ${known.get(sha256)?.key} has ${ids.size} event ids, delivered: ${wasAcked}`]
          : []
      }),
      ...[...events].flatMap(([sha256, all]) => {
        const named = new Set(all.map(({ path }) => path))
        const gone = [...named].filter((path) => !whole.get(sha256)?.some((file) => file.path === path))
        return gone.map((path) => `${path} was announced and is not there`)
      }),
      ...rows
        .filter(({ state }) => state === 'ready')
        .map(({ clip }) => `${clip.file?.path} is still "ready"`),
      ...times.astray.map((path) => `${path} was written where the disk was away`),
    ],
  }
}

interface File {
  /** Below the directory. */
  readonly path: string
  readonly sha256: string
  readonly at: number
}

function filesIn(directory: string): readonly File[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && /\.(mp4|part)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      path: path.slice(directory.length + 1),
      sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
      at: statSync(path).ctimeMs,
    }))
}

/** Why a clip may be away; `undefined` when nobody knows. */
function excuseOf(
  record: ClipRecord & { readonly module: number },
  { rows, struck, calls, times }: ClipRecords,
): string | undefined {
  const { key, onStick, module } = record
  if (times.deleted.has(key)) return 'deleted on the stick'
  const met = struck.filter((one) => one.key === key).map(({ kind }) => kind)
  if (!onStick) return met.includes('vanished') ? 'vanished' : undefined
  const pause = lastPauses(calls).get(modules.find(({ id }) => id === module)?.account ?? 0)
  if (pause?.fault) return `account paused after ${pause.fault}`
  const row = rowsOf(record, rows).find(({ clip }) => clip.state === 'failed')
  const { retryAt = 0 } = row?.clip ?? {}
  if (retryAt < Date.now()) return undefined
  const last = met.at(-1)
  if (last !== undefined) return last
  const failedAt = retryAt - dayMs
  const isNear = (at: number) => at <= failedAt && at > failedAt - explainedWithinMs
  const call = calls.findLast(
    (one) => isNear(one.at) && failed(one) && isOf(one, module) && one.fault !== undefined,
  )
  if (call) return `${call.fault} at ${call.kind}`
  return times.renumbered.some((one) => one.module === module && isNear(one.at)) ? 'renumbered' : undefined
}

function isOf({ path }: Call, module: number): boolean {
  return path.includes(`/sync_modules/${module}/`) || path.includes(`/network/${module - 350_000 + 44_000}/`)
}

function rowsOf(record: ClipRecord & { readonly module: number }, rows: readonly ClipRow[]) {
  return rows.filter(
    ({ module, clip }) =>
      module.endsWith(`/${record.module}`) &&
      clip.createdAt === Date.parse(record.createdAt) &&
      clip.listedSize === record.size &&
      clip.cameraName === record.cameraName,
  )
}

function stateOf(record: ClipRecord & { readonly module: number }, rows: readonly ClipRow[]): string {
  const states = rowsOf(record, rows).map(({ clip }) => `${clip.state} ${clip.reason ?? ''}`.trim())
  return states.join(', ') || 'not in the ledger'
}

/** Whether so many clips of the cloud are the same to the last byte. */
function isTwice(record: ClipRecord | undefined, journal: readonly ClipRecord[], count: number): boolean {
  return journal.filter(({ sha256 }) => sha256 === record?.sha256).length === count
}

const ofClips = ['clip-request', 'command-status', 'clip']

function requestsForEach({ calls }: ClipRecords, saved: number): number {
  const good = calls.filter((call) => ofClips.includes(call.kind) && !failed(call)).length
  return Math.round((good / Math.max(1, saved)) * 100) / 100
}

/** By how many milliseconds uploads were requested in the time that belongs to the next run. */
function inQuietTime({ calls, lives }: ClipRecords): readonly number[] {
  return calls.flatMap((call) => {
    if (call.kind !== 'clip-request') return []
    const life = lives.findLast(({ startedAt }) => startedAt <= call.at)
    if (!life) return []
    const everyMs = life.start.everySeconds * 1000
    const left = everyMs - (call.at % everyMs)
    const quietMs = Math.min(20_000, everyMs / 3)
    return left < quietMs ? [Math.round(quietMs - left)] : []
  })
}

function describe({ key, cameraName, createdAt, size }: ClipRecord): string {
  return `${key} of ${cameraName}, ${createdAt}, ${size} KiB`
}

function pathsOf(files: readonly File[]): string {
  return files.map(({ path }) => path).join(', ')
}
