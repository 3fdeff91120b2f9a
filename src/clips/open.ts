/**
 * What follows a run: request IDs lead to manifests and clips, and drives are read.
 */
import type { Observer } from '../domain/ports.ts'
import { type DriveWatchNeeds, openDriveWatch } from './drive-watch.ts'
import { type ClipStage, type ClipStageNeeds, openClipStage } from './stage.ts'

export interface ClipsNeeds extends ClipStageNeeds {
  readonly observer: ClipStageNeeds['observer'] & DriveWatchNeeds['observer']
}

export interface Clips extends Omit<ClipStage, 'observer'> {
  readonly observers: readonly Observer[]
}

/** Whoever has chosen clips waits for nothing else: no drive is read then. */
export function openClips(needs: ClipsNeeds): Clips {
  const stage = openClipStage(needs)
  if (needs.choice) return { ...stage, observers: [stage.observer] }
  const drives = openDriveWatch({ ...needs, ledger: needs.storage.clips })
  return {
    ...stage,
    observers: [stage.observer, drives.observer],
    isIdle: (accountId) => stage.isIdle(accountId) && drives.isIdle(accountId),
    async stop() {
      await Promise.all([stage.stop(), drives.stop()])
    },
  }
}
