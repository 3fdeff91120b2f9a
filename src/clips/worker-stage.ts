/**
 * What the workers of all sync modules share, and need from outside.
 */
import type { Account } from '../accounts/account.ts'
import type { Settings } from '../config/settings.ts'
import type { ListedClip, Manifest } from '../domain/clip.ts'
import type { BlinkId, ModuleKey } from '../domain/model.ts'
import type { Observer, Runtime, Storage } from '../domain/ports.ts'
import type { DownloadNeeds } from './download.ts'
import type { ClipDirectory } from './files.ts'
import type { ClipChoice } from './new-clips.ts'
import type { NextRun } from './quiet-time.ts'

export interface WorkerNeeds extends Pick<Runtime, 'clock' | 'log'> {
  readonly settings: Pick<Settings, 'manifest' | 'clips'>
  readonly storage: Pick<Storage, 'clips' | 'ledger'>
  readonly account: (accountId: BlinkId) => Account | undefined
  /** When the account is requested next, in milliseconds since the epoch, and how often that happens. */
  readonly nextRun: (accountId: BlinkId) => NextRun | undefined
  readonly observer: Pick<Required<Observer>, 'clipSaved' | 'clipsChanged' | 'clipTrouble' | 'moduleFinished'>
  /** Downloads what was chosen, once, in place of all that is new. */
  readonly choice?: ClipChoice | undefined
  readonly watch?: DownloadWatch | undefined
}

/** For a person who waits for clips. */
export interface DownloadWatch {
  /** A manifest was compared, and these clips of it are downloaded now. */
  chosen(module: ModuleKey, clips: readonly ListedClip[], manifest: Manifest): void
  received(bytes: number): void
}

/** What the workers of all modules share. */
export interface WorkerStage {
  readonly needs: WorkerNeeds
  /** Whether clips are downloaded, and not only listed. */
  readonly enabled: boolean
  readonly directory: ClipDirectory
  readonly download: DownloadNeeds
  /** Aborted when the stage stops. */
  readonly signal: AbortSignal
  /** Whether clips of an account can be saved now. */
  ready(accountId: BlinkId): Promise<boolean>
  /** Removes the files that are too old or too many. */
  retain(): Promise<void>
  /** Runs work in the background. */
  run(work: Promise<void>): void
}
