/**
 * From a request ID to its manifest: looks every few seconds until it is there, the id is dead, or time is up.
 */
import type { Account } from '../accounts/account.ts'
import { clipObstacleOf } from '../blink/response-codes.ts'
import type { Manifest } from '../domain/clip.ts'
import type { Clock } from '../domain/clock.ts'
import { CloudRefused, CloudUnreachable, DaemonError, ModuleBusy } from '../domain/errors.ts'
import type { WorkItem } from '../domain/model.ts'

export interface FollowNeeds {
  readonly clock: Clock
  readonly pollMs: number
  readonly deadlineMs: number
}

/** What became of a request ID: its manifest, or why there is none. */
export type Followed =
  | { readonly manifest: Manifest; readonly reason?: undefined }
  | { readonly manifest?: undefined; readonly reason: string }

/** @throws the signal's reason when aborted */
export async function followManifest(
  account: Account,
  item: WorkItem,
  { clock, pollMs, deadlineMs, signal }: FollowNeeds & { readonly signal: AbortSignal },
): Promise<Followed> {
  const endsAt = clock.elapsed() + deadlineMs
  for (;;) {
    // Right after the request there is never one yet.
    await clock.sleep(pollMs, signal)
    if (clock.now() >= item.expiresAt) return { reason: 'expired' }
    try {
      return { manifest: await account.clips.manifest(item, item.requestId, signal) }
    } catch (error) {
      const reason = reasonToGiveUp(error)
      if (reason !== undefined) return { reason }
    }
    if (clock.elapsed() >= endsAt) return { reason: 'late' }
  }
}

/** `undefined` for what waiting may mend; throws what nobody expects. */
function reasonToGiveUp(error: unknown): string | undefined {
  if (!(error instanceof DaemonError)) throw error
  if (error instanceof ModuleBusy || error instanceof CloudUnreachable) return undefined
  if (error instanceof CloudRefused) {
    const obstacle = clipObstacleOf(error.bodyCode)
    if (obstacle === 'not_ready' || obstacle === 'busy') return undefined
    if (obstacle === 'expired') return 'expired'
  }
  return error.code
}
