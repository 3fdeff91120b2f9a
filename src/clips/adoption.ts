/**
 * Files of clips that the ledger does not know: its database was lost, or is an older copy, and the drive is still there.
 *
 * Such a file is taken for its clip, so that the sync module need not upload it again. What is on the drive under that
 * name may be anything, so the file must have the clip's size and be whole; and its time must be that of the recording,
 * unless the name says so. No event is published: it was, when the file was saved.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Account } from '../accounts/account.ts'
import { type ClipFile, type ClipNew, clipNewOf, comparable, type ListedClip } from '../domain/clip.ts'
import { timeOrderedId } from '../domain/clock.ts'
import type { BlinkId, SyncModule } from '../domain/model.ts'
import { cameraTopicPart } from './cameras.ts'
import { type DownloadNeeds, placeOf } from './download.ts'
import { mp4FaultOf } from './mp4.ts'
import { numbered } from './names.ts'
import { hashOf } from './part-file.ts'

export interface AdoptionJob {
  readonly account: Account
  readonly module: SyncModule
  readonly requestId: BlinkId
}

/** FAT keeps times in steps of two seconds. */
const timeStepMs = 2_000

/**
 * Records the files of these clips as saved, those that are there.
 *
 * @throws CloudError when the cameras, and so the names, cannot be learned; or an error of the file system
 */
export async function adoptFiles(
  clips: readonly ListedClip[],
  { account, module, requestId }: AdoptionJob,
  needs: DownloadNeeds,
  signal: AbortSignal,
): Promise<readonly ClipNew[]> {
  const { ledger, clock, naming } = needs
  const cameras = await account.clips.cameras(signal)
  const adopted: ClipNew[] = []
  for (const clip of clips) {
    signal.throwIfAborted()
    const { path, camera } = placeOf(clip, module, { ...needs, cameras })
    await naming(async () => {
      const found = await fileOf(clip, path, needs)
      if (!found) return
      const file: ClipFile = {
        ...{ ...found, requestId, eventId: timeOrderedId(clock), downloadedAt: clock.now() },
        camera: cameraTopicPart(clip.cameraName, camera),
        ...(needs.instance !== undefined && { instance: needs.instance }),
      }
      const { createdAt, listedSize, cameraName } = clip
      const saved = { createdAt, listedSize, cameraName, state: 'saved' as const, file }
      await ledger.adopt(module, saved)
      adopted.push(clipNewOf(module, saved))
    })
  }
  return adopted
}

type Found = Pick<ClipFile, 'path' | 'bytes' | 'sha256'>

/** The first file of the clip's names that is this clip and no other's. */
async function fileOf(
  clip: ListedClip,
  path: string,
  { ledger, directory, nameHasTime }: DownloadNeeds,
): Promise<Found | undefined> {
  for (let number = 1; ; number++) {
    const candidate = numbered(path, number)
    if (!(await directory.exists(candidate))) return undefined
    if (await ledger.isTaken(comparable(candidate))) continue
    const handle = await directory.openFile(candidate)
    if (!handle) continue
    try {
      const found = await readFile(handle, clip, nameHasTime)
      if (found) return { path: candidate, ...found }
    } finally {
      await handle.close()
    }
  }
}

async function readFile(
  handle: FileHandle,
  { createdAt, listedSize }: ListedClip,
  nameHasTime: boolean,
): Promise<Omit<Found, 'path'> | undefined> {
  const { size: bytes, mtimeMs } = await handle.stat()
  const isOfTime = Math.abs(mtimeMs - createdAt) <= timeStepMs
  const isMeant =
    listedSize === undefined ? isOfTime : isOfSize(bytes, listedSize) && (isOfTime || nameHasTime)
  if (!isMeant || (await mp4FaultOf(readerOf(handle, bytes))) !== undefined) return undefined
  return { bytes, sha256: await hashOf(handle) }
}

/** A manifest has KiB in practice and bytes by the notes. */
function isOfSize(bytes: number, listedSize: number): boolean {
  return bytes === listedSize || Math.abs(bytes / 1024 - listedSize) < 1
}

function readerOf(handle: FileHandle, bytes: number) {
  return {
    bytes,
    async read(offset: number, length: number) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    },
  }
}
