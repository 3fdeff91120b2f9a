/**
 * What has become of the clips that `clips download` was to have: counts for the bar, the summary and the exit code.
 *
 * A clip that failed may be chosen again by a new manifest; only its last end counts.
 */
import type { ClipName, ClipNew, ClipTrouble, ListedClip } from '../domain/clip.ts'
import { keyOf, type ModuleKey } from '../domain/model.ts'

export type FailedClip = ModuleKey & Extract<ClipTrouble, { readonly kind: 'clip_failed' }>

export interface DownloadCounts {
  /** Of clips that were chosen. */
  readonly chosen: number
  readonly saved: number
  readonly failed: number
  /** Neither saved nor failed. */
  readonly left: number
  /** Of the clips that were saved. */
  readonly bytes: number
  /** Of everything that came, files that were not whole included. */
  readonly received: number
}

export class DownloadStatistics {
  readonly #chosen = new Set<string>()
  readonly #saved = new Map<string, ClipNew>()
  readonly #failed = new Map<string, FailedClip>()
  readonly #cameras = new Set<string>()
  readonly #modules = new Set<string>()
  #received = 0

  /** Names of the cameras that any manifest has. */
  get cameras(): readonly string[] {
    return [...this.#cameras].toSorted()
  }

  get failed(): readonly FailedClip[] {
    return [...this.#failed.values()]
  }

  get counts(): DownloadCounts {
    const [chosen, saved, failed] = [this.#chosen.size, this.#saved.size, this.#failed.size]
    const bytes = [...this.#saved.values()].reduce((sum, clip) => sum + clip.bytes, 0)
    return { chosen, saved, failed, left: chosen - saved - failed, bytes, received: this.#received }
  }

  /** Whether a manifest of this module was compared. */
  hasSeen(module: ModuleKey): boolean {
    return this.#modules.has(keyOf(module))
  }

  chosen(module: ModuleKey, clips: readonly ListedClip[], listed: readonly ListedClip[]): void {
    this.#modules.add(keyOf(module))
    for (const { cameraName } of listed) if (cameraName !== '') this.#cameras.add(cameraName)
    for (const clip of clips) {
      this.#chosen.add(nameOf(module, clip))
      this.#failed.delete(nameOf(module, clip))
    }
  }

  received(bytes: number): void {
    this.#received += bytes
  }

  /** False for a clip that was not chosen: an earlier process has left it almost done. */
  saved(clip: ClipNew): boolean {
    const name = nameOf(clip, clip)
    if (!this.#chosen.has(name)) return false
    this.#saved.set(name, clip)
    return true
  }

  troubled(module: ModuleKey, trouble: ClipTrouble): void {
    if (trouble.kind === 'clip_failed')
      this.#failed.set(nameOf(module, trouble.clip), { ...module, ...trouble })
  }
}

/** The listed size is no part of it: an event has the size of the file. */
function nameOf(module: ModuleKey, { createdAt, cameraName }: Pick<ClipName, 'createdAt' | 'cameraName'>) {
  return `${keyOf(module)} ${createdAt} ${cameraName}`
}
