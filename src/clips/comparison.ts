/**
 * A manifest against the ledger: what is new is to be downloaded, what has changed is recorded, and files that are there
 * already are taken over.
 */
import type { Account } from '../accounts/account.ts'
import type {
  ClipChange,
  ClipCounts,
  HomeCamera,
  KnownClip,
  LedgerClip,
  ListedClip,
  Manifest,
  ManifestReady,
} from '../domain/clip.ts'
import { timeOrderedId } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { keyOf, type ModuleKey, type WorkItem } from '../domain/model.ts'
import { adoptFiles } from './adoption.ts'
import { cameraNamed } from './cameras.ts'
import { isCloudTrouble } from './download.ts'
import { type NewClips, newClips, type WantedClip } from './new-clips.ts'
import type { WorkerStage } from './worker-stage.ts'

export interface ComparisonJob {
  readonly key: ModuleKey
  readonly manifest: Manifest
  readonly item: WorkItem
  /** What is on its way, which the ledger may know as well. */
  readonly inTransit: ReadonlySet<KnownClip>
  /** Whether a manifest of the module was compared before. */
  readonly comparedBefore: boolean
  /** How many clips may be downloaded. */
  readonly mostClips: number
}

interface Compared extends ComparisonJob {
  readonly found: NewClips
  readonly known: readonly LedgerClip[]
  /** Whether clips are downloaded. */
  readonly enabled: boolean
  readonly now: number
  readonly eventId: string
}

/** An event shows so many clips; a stick may hold thousands. */
const listedInEvent = 100

/**
 * Records what a manifest has changed, and its event; `wanted` is to be downloaded, `undefined` when nothing can be.
 *
 * @throws StoreFailed, or the signal's reason
 */
export async function compareManifest(
  stage: WorkerStage,
  job: ComparisonJob,
  signal: AbortSignal,
): Promise<{ readonly counts: ClipCounts; readonly wanted: WantedClip[] | undefined }> {
  const { needs, enabled } = stage
  const { storage, clock } = needs
  let { known, found } = await difference(stage, job, signal)
  const files = enabled ? await adopt(stage, job, { clips: found.unknown, signal }) : 'none'
  if (files === 'adopted') ({ known, found } = await difference(stage, job, signal))
  const compared = { ...job, known, found, enabled, now: clock.now(), eventId: timeOrderedId(clock) }
  const addedRows = await storage.clips.compared(job.key, changeOf(compared))
  const counts = countsOf(compared)
  if (!enabled || files === 'unreadable') return { counts, wanted: undefined }
  // What was too old is in the ledger by now.
  const rows = new Map(found.tooOld.map((clip, place) => [clip, addedRows[place]]))
  return { counts, wanted: found.wanted.map((one) => withRow(one, rows.get(one.clip))) }
}

async function difference(
  { needs }: WorkerStage,
  { key, manifest, inTransit, comparedBefore, mostClips }: ComparisonJob,
  signal: AbortSignal,
) {
  const { settings, storage, clock, choice } = needs
  const known = await storage.clips.clipsOf(key)
  // Their place is taken by what is in transit.
  const busyRows = new Set([...inTransit].flatMap(rowOf))
  const comparison = {
    listed: manifest.clips,
    known: [...known.filter(({ row }) => !busyRows.has(row)), ...inTransit],
    ...{ firstSight: !comparedBefore, now: clock.now(), maxPerRun: mostClips, choice },
    backfillDays: settings.clips.backfillDays,
  }
  const found = newClips(comparison)
  if (found.renamed.length === 0) return { known, found }
  const cameras = await camerasNow(needs.account(key.accountId), signal)
  // Until the cameras are known, a clip is neither renamed nor another one.
  if (!cameras) return { known, found: { ...found, renamed: [] } }
  const isCamera = (name: string) => cameraNamed(name, key.networkId, cameras) !== undefined
  return { known, found: newClips({ ...comparison, isCamera }) }
}

async function camerasNow(
  account: Account | undefined,
  signal: AbortSignal,
): Promise<readonly HomeCamera[] | undefined> {
  try {
    return await account?.clips.cameras(signal)
  } catch (error) {
    if (signal.aborted || !isCloudTrouble(error)) throw error
    return undefined
  }
}

/** Takes over files that are there already; where that cannot be found out, a download could bring a clip twice. */
async function adopt(
  stage: WorkerStage,
  { key, item }: ComparisonJob,
  { clips, signal }: { readonly clips: readonly ListedClip[]; readonly signal: AbortSignal },
): Promise<'none' | 'adopted' | 'unreadable'> {
  const { needs, directory, download } = stage
  const account = needs.account(key.accountId)
  const record = await needs.storage.ledger.read(key)
  if (clips.length === 0 || !account || !record || !(await stage.ready(key.accountId))) return 'none'
  const { accountId, networkId, syncModuleId } = key
  const ids = { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId }
  try {
    const job = { account, module: record.module, requestId: item.requestId }
    const adopted = await adoptFiles(clips, job, download, signal)
    if (adopted.length === 0) return 'none'
    needs.log.info({ ...ids, count: adopted.length }, 'files of clips found, not downloaded again')
    for (const clip of adopted) needs.observer.clipSaved(clip)
    return 'adopted'
  } catch (error) {
    if (signal.aborted || error instanceof StoreFailed) throw error
    if (isCloudTrouble(error)) {
      needs.log.info({ ...ids, detail: error.message }, 'downloads wait for the next run')
    } else directory.failed(error)
    return 'unreadable'
  }
}

function withRow({ clip, known }: WantedClip, row: number | undefined): WantedClip {
  if (row === undefined) return known ? { clip, known } : { clip }
  const listed: LedgerClip = { ...clip, state: 'listed', row }
  return { clip, known: listed }
}

/** What is on the stick now. */
function countsOf({ manifest, found, enabled }: Compared): ClipCounts {
  const newest = newestFirst(manifest)
  return {
    count: manifest.clips.length,
    waiting: enabled ? found.wanted.length + found.waiting : 0,
    newestAt: newest[0]?.createdAt,
    oldestAt: newest.at(-1)?.createdAt,
    lastError: undefined,
  }
}

function changeOf(compared: Compared): ClipChange {
  const { key, item, found, known, inTransit, enabled, comparedBefore, now } = compared
  const gone = found.gone.flatMap(rowOf)
  const goneRows = new Set(gone)
  return {
    // Where nothing is downloaded, no clip is missed either: with downloads switched on it is a first sight.
    module: {
      ...{ requestId: item.requestId, compared: comparedBefore || enabled },
      counts: countsOf(compared),
    },
    added: enabled
      ? found.tooOld.map(({ createdAt, listedSize, cameraName }) => ({
          ...{ createdAt, listedSize, cameraName, state: 'listed' as const },
        }))
      : [],
    renamed: found.renamed.flatMap(({ known: one, cameraName }) =>
      isInLedger(one) && !inTransit.has(one) ? [{ ...one, cameraName }] : [],
    ),
    seen: known.flatMap(({ row }) => (goneRows.has(row) ? [] : [row])),
    ...{ gone, at: now },
    event: {
      kind: 'manifest_ready',
      orderKey: `manifest ${keyOf(key)}`,
      expiresAt: item.expiresAt,
      body: readyOf(compared),
    },
  }
}

function readyOf({ key, item, manifest, found, now, eventId }: Compared): ManifestReady {
  const { accountId, networkId, syncModuleId } = key
  return {
    ...{ accountId, networkId, syncModuleId, eventId, requestId: item.requestId },
    ...{ manifestId: manifest.manifestId, readyAt: now, clipCount: manifest.clips.length },
    newCount: found.wanted.length + found.waiting,
    latencyMs: Math.max(0, now - item.requestedAt),
    clips: newestFirst(manifest)
      .slice(0, listedInEvent)
      .map(({ createdAt, listedSize, cameraName }) => ({ createdAt, listedSize, cameraName })),
  }
}

function newestFirst({ clips }: Manifest): Manifest['clips'] {
  return clips.toSorted((a, b) => b.createdAt - a.createdAt)
}

function isInLedger(clip: KnownClip): clip is LedgerClip {
  return 'row' in clip
}

/** The clip's row in the ledger, if it has one. */
export function rowOf(clip: KnownClip): readonly number[] {
  return isInLedger(clip) ? [clip.row] : []
}
