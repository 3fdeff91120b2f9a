/**
 * One clip from the stick to its final name, in an order of commits that a kill at any point does not break.
 *
 * Uploaded by the module, fetched to a temporary name, checked, on disk; then the ledger says `ready` with the final
 * name, length and hash; then the name; then `saved` and the event, in one commit. What a kill leaves `ready` is
 * settled at the next start by looking at the file.
 */
import { channel } from 'node:diagnostics_channel'
import type { LimitFunction } from 'p-limit'
import type { Account } from '../accounts/account.ts'
import { clipObstacleOf } from '../blink/response-codes.ts'
import {
  type ClipNew,
  clipNewOf,
  comparable,
  type HomeCamera,
  type KnownClip,
  type LedgerFile,
  type ListedClip,
} from '../domain/clip.ts'
import { timeOrderedId } from '../domain/clock.ts'
import { CloudChanged, CloudError, CloudRefused, CloudUnreachable, ModuleBusy } from '../domain/errors.ts'
import type { BlinkId, ModuleKey, SyncModule } from '../domain/model.ts'
import type { ClipLedger, Runtime } from '../domain/ports.ts'
import { pauseBeforeRetry } from '../domain/retry-policy.ts'
import { cameraNamed, cameraTopicPart } from './cameras.ts'
import type { ClipDirectory } from './files.ts'
import { mp4FaultOf } from './mp4.ts'
import { type NameFields, numbered } from './names.ts'
import type { PartFile } from './part-file.ts'

export interface DownloadNeeds extends Pick<Runtime, 'clock'> {
  readonly ledger: ClipLedger
  readonly directory: ClipDirectory
  readonly nameOf: (fields: NameFields) => string
  /** Whether no two clips of a camera have the same name, but of one second. */
  readonly nameHasTime: boolean
  /** Choosing a name and taking it is one step, over all downloads. */
  readonly naming: LimitFunction
  /** For an upload, in milliseconds. */
  readonly uploadMs: number
  /** The name of this instance, where there are several. */
  readonly instance?: string | undefined
  /** Called with what has come of a file. */
  readonly received?: ((bytes: number) => void) | undefined
}

export interface DownloadJob {
  readonly account: Account
  readonly module: SyncModule
  readonly requestId: BlinkId
  readonly manifestId: BlinkId
  readonly clip: ListedClip
  /** Where it has failed before. */
  readonly row: number | undefined
  /** Milliseconds for which no upload may begin. */
  readonly quietMs: () => number
}

/** This clip cannot be had now; others can. */
export class ClipFailed extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/** The manifest is too old: nothing more can be had by it. */
export class ManifestExpired extends Error {}

/** Says which step is reached, before and after each that a kill could fall between: for tests that end the process. */
const steps = channel('blink-manifestd:clip-step')

/** First look for a clip that takes a second or so, then each two seconds. */
const [firstLookMs, lookMs] = [1_300, 2_000]

/** Waits for a file that the cloud does not have yet although its upload is done. */
const filePausesMs = [3_000, 6_000]

const weekMs = 7 * 24 * 60 * 60 * 1000

/**
 * Has the module upload a clip. Holds the module meanwhile, and no account.
 *
 * @throws ClipFailed, ManifestExpired, or CloudError when nothing more can be had for now
 */
export async function upload(job: DownloadJob, needs: DownloadNeeds, signal: AbortSignal): Promise<void> {
  const { account, module, quietMs } = job
  const { clock } = needs
  // The module's turn may come, or a busy one be tried again, when the account's next run is near.
  const unlessQuiet = async () => quietMs() === 0 && uploadOnce(job, needs, signal)
  for (let tried = 1; ; ) {
    try {
      if (await account.holdModule(module, unlessQuiet, signal)) return
      await clock.sleep(quietMs(), signal)
    } catch (error) {
      if (!(error instanceof ModuleBusy)) throw error
      const pauseMs = pauseBeforeRetry(error, tried, clock.random())
      if (pauseMs === undefined) throw error
      tried++
      await clock.sleep(pauseMs, signal)
    }
  }
}

/** False when its turn among the account's requests came when the account's next run was near. */
async function uploadOnce(job: DownloadJob, needs: DownloadNeeds, signal: AbortSignal): Promise<boolean> {
  const { account, module, manifestId, clip, quietMs } = job
  const { clock, uploadMs } = needs
  steps.publish('before upload')
  const command = await account.clips
    .requestClip(module, { manifestId, clipId: clip.clipId }, { mayBegin: () => quietMs() === 0, signal })
    .catch((error: unknown) => {
      const obstacle = error instanceof CloudRefused ? clipObstacleOf(error.bodyCode) : undefined
      if (obstacle === 'expired') throw new ManifestExpired()
      if (obstacle === 'not_found' || obstacle === 'not_ready') throw new ClipFailed('not_found')
      throw error
    })
  if (command === undefined) return false
  steps.publish('after request')
  const endsAt = clock.elapsed() + uploadMs
  await clock.sleep(firstLookMs, signal)
  for (;;) {
    const state = await commandState(account, { module, command }, signal)
    if (state === 'done') return true
    if (state === 'failed') throw new ClipFailed('upload_failed')
    if (clock.elapsed() >= endsAt) throw new ClipFailed('upload_late')
    await clock.sleep(lookMs, signal)
  }
}

async function commandState(
  account: Account,
  { module, command }: { readonly module: ModuleKey; readonly command: BlinkId },
  signal: AbortSignal,
) {
  try {
    return await account.clips.command(module, command, signal)
  } catch (error) {
    // An answer that is lost says nothing about the upload.
    if (error instanceof CloudUnreachable || error instanceof ModuleBusy) return 'running'
    const obstacle = error instanceof CloudRefused ? clipObstacleOf(error.bodyCode) : undefined
    if (obstacle !== undefined) throw new ClipFailed('upload_failed')
    throw error
  }
}

/**
 * Fetches an uploaded clip and gives it its name. Holds neither the module nor the account.
 *
 * @throws ClipFailed, CloudError, or an error of the file system
 */
export async function save(job: DownloadJob, needs: DownloadNeeds, signal: AbortSignal): Promise<ClipNew> {
  const { account, module, requestId, clip } = job
  const { ledger, directory, nameOf, clock, naming } = needs
  const cameras = await account.clips.cameras(signal)
  const { path, camera } = placeOf(clip, module, { cameras, nameOf })
  steps.publish('before part')
  const part = await directory.begin(path)
  try {
    await fetchInto(part, job, { ...needs, signal })
    steps.publish('after file')
    const fault = await mp4FaultOf(part)
    if (fault !== undefined) throw new ClipFailed(fault)
    await part.sync(clip.createdAt)
    steps.publish('after sync')
    const file = {
      ...{ bytes: part.bytes, sha256: part.sha256, requestId },
      eventId: timeOrderedId(clock),
      camera: cameraTopicPart(clip.cameraName, camera),
      downloadedAt: clock.now(),
      ...(needs.instance !== undefined && { instance: needs.instance }),
    }
    const { createdAt, listedSize, cameraName } = clip
    return await naming(async () => {
      let row = job.row
      for (let number = 1; ; number++) {
        const candidate = numbered(path, number)
        if ((await ledger.isTaken(comparable(candidate))) || (await directory.exists(candidate))) continue
        const ready = {
          ...{ createdAt, listedSize, cameraName, state: 'ready' as const },
          file: { ...file, path: candidate },
        }
        row = await ledger.put(module, ready, row)
        steps.publish('after ready')
        try {
          if (!(await part.place(candidate.slice(candidate.lastIndexOf('/') + 1)))) continue
        } catch (error) {
          await ledger.put(module, failedClip(clip, 'no_name', clock.now()), row)
          throw error
        }
        steps.publish('after name')
        const saved = await settle(ledger, { ...ready, row, module })
        steps.publish('after saved')
        return saved
      }
    })
  } finally {
    await part.discard()
  }
}

/** What the file of a clip is called when no other has that name, and which camera it is of. */
export function placeOf(
  clip: ListedClip,
  module: SyncModule,
  { cameras, nameOf }: Pick<DownloadNeeds, 'nameOf'> & { readonly cameras: readonly HomeCamera[] },
): { readonly path: string; readonly camera: HomeCamera | undefined } {
  const camera = cameraNamed(clip.cameraName, module.networkId, cameras)
  const path = nameOf({
    account: module.accountId,
    network: module.networkName ?? module.networkId,
    syncModule: module.name,
    camera: camera?.name ?? (clip.cameraName === '' ? 'unknown' : clip.cameraName),
    createdAt: clip.createdAt,
    // The listed size: the name must be known before the file has come.
    bytes: (clip.listedSize ?? 0) * 1024,
  })
  return { path, camera }
}

/** A clip whose file is under its name becomes `saved`, and its event is stored. */
export async function settle(ledger: ClipLedger, file: LedgerFile): Promise<ClipNew> {
  const body = clipNewOf(file.module, file)
  const { accountId, networkId, camera, downloadedAt } = body
  const orderKey = `clip ${accountId}/${networkId}/${camera}`
  await ledger.saved(file, { kind: 'clip_new', orderKey, expiresAt: downloadedAt + weekMs, body })
  return body
}

async function fetchInto(
  part: PartFile,
  { account, module, manifestId, clip }: DownloadJob,
  { clock, received, signal }: Pick<DownloadNeeds, 'clock' | 'received'> & { readonly signal: AbortSignal },
): Promise<void> {
  const address = { manifestId, clipId: clip.clipId }
  const sink = async (chunk: Uint8Array) => {
    await part.write(chunk)
    received?.(chunk.length)
  }
  const to = { sink, signal }
  for (let tried = 0; ; tried++) {
    try {
      const { received, announced } = await account.clips.fetchClip(module, address, to)
      if (announced !== undefined && announced !== received) throw new ClipFailed('cut')
      return
    } catch (error) {
      const pauseMs = filePausesMs[tried]
      const obstacle = error instanceof CloudRefused ? clipObstacleOf(error.bodyCode) : undefined
      if (obstacle === 'expired') throw new ClipFailed('not_found')
      if (obstacle !== undefined && pauseMs === undefined) throw new ClipFailed('not_found')
      if (obstacle === undefined || pauseMs === undefined) throw asFailure(error, part)
      await clock.sleep(pauseMs, signal)
    }
  }
}

/** A file that broke off has failed; a cloud that cannot be reached at all has not given any of it. */
function asFailure(error: unknown, part: PartFile): unknown {
  if (error instanceof CloudChanged) return new ClipFailed('not_mp4')
  if (error instanceof CloudUnreachable && part.bytes > 0) return new ClipFailed('broken_off')
  return error
}

/** The ledger's entry of a clip that could not be had. */
export function failedClip(
  { createdAt, listedSize, cameraName }: ListedClip,
  reason: string,
  retryAt: number,
): KnownClip {
  return { createdAt, listedSize, cameraName, state: 'failed', retryAt, reason }
}

/** Whether an error ends all downloads of a module for now, and is no fault of the clip. */
export function isCloudTrouble(error: unknown): error is CloudError {
  return error instanceof CloudError
}
