/**
 * The dirty set: what has to be published again, the most general first, modules in the order of their first change.
 *
 * Of several changes of one module the largest is kept, and whether a request ID has expired.
 */
import { type ClipCamera, cameraKeyOf } from '../domain/clip.ts'
import { type BlinkId, keyOf, type ModuleKey } from '../domain/model.ts'

/** What changed of a module, the smallest first: a request ID expired, its progress, or what it is. */
const changes = ['expired', 'progress', 'identity'] as const
export type Change = (typeof changes)[number]

export type Entry =
  | { readonly kind: 'bridge' }
  /** `unread` when no document reads its topic any more, so that the topic may be cleared; of a gone module as well. */
  | { readonly kind: 'account'; readonly accountId: BlinkId; readonly unread?: boolean }
  | { readonly kind: 'gone'; readonly key: ModuleKey; readonly unread?: boolean }
  | { readonly kind: 'camera'; readonly camera: ClipCamera; readonly unread?: boolean }
  | { readonly kind: 'module'; readonly key: ModuleKey; readonly change: Change; readonly expired: boolean }

/** A place in the queue: calls back when everything before it has been taken. */
export interface Mark {
  readonly kind: 'mark'
  readonly reached: () => void
}

export class DirtySet {
  readonly #bridge = new Map<unknown, Entry>()
  readonly #accounts = new Map<unknown, Entry>()
  readonly #gone = new Map<unknown, Entry>()
  /** And cameras, and marks. */
  readonly #modules = new Map<unknown, Extract<Entry, { kind: 'camera' | 'module' }> | Mark>()

  add(entry: Entry | Mark): void {
    switch (entry.kind) {
      case 'bridge':
        this.#bridge.set(entry.kind, entry)
        return
      case 'account':
        this.#accounts.set(entry.accountId, entry)
        return
      case 'gone':
        this.#modules.delete(keyOf(entry.key))
        this.#gone.set(keyOf(entry.key), entry)
        return
      case 'camera':
        this.#modules.set(cameraKeyOf(entry.camera), entry)
        return
      case 'mark':
        this.#modules.set(entry, entry)
        return
      case 'module':
        this.#addModule(entry.key, entry.change, entry.expired)
    }
  }

  module(key: ModuleKey, change: Change): void {
    this.#addModule(key, change, change === 'expired')
  }

  #addModule(key: ModuleKey, change: Change, expired: boolean): void {
    const name = keyOf(key)
    // A late report does not keep the topics of a module that is gone; whether it is back, its snapshot shows.
    if (change !== 'identity' && this.#gone.has(name)) return
    this.#gone.delete(name)
    const noted = this.#modules.get(name)
    const before = noted?.kind === 'module' ? noted : undefined
    const isLarger = !before || changes.indexOf(before.change) < changes.indexOf(change)
    this.#modules.set(name, {
      kind: 'module',
      key,
      change: isLarger ? change : before.change,
      expired: expired || (before?.expired ?? false),
    })
  }

  /** Removes and returns the next one. */
  take(): Entry | Mark | undefined {
    for (const queue of [this.#bridge, this.#accounts, this.#gone, this.#modules]) {
      const [first] = queue
      if (!first) continue
      queue.delete(first[0])
      return first[1]
    }
    return undefined
  }
}
