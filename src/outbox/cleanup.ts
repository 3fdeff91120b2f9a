/**
 * Deletes events from the outbox: those that the broker has acknowledged, and those that have expired.
 *
 * What is to be deleted is never published again by this process, however long the disk refuses to delete it. A
 * process that is killed before the commit publishes it again at its next start, with the same event id.
 */
import { StoreFailed } from '../domain/errors.ts'
import type { EventKind } from '../domain/model.ts'
import type { Outbox, Runtime, StoredEvent } from '../domain/ports.ts'

export interface CleanupNeeds extends Runtime {
  readonly outbox: Pick<Outbox, 'remove' | 'sweep'>
  /** Called when events of one kind have been deleted because they expired. */
  readonly expired?: (kind: EventKind, count: number) => void
}

/** While the broker is away nothing is read from the disk, and what expires there must not pile up. */
export const sweepEveryMs = 60_000

/** How long to wait after the disk refused, in milliseconds. */
const pauseMs = 30_000

export class Cleanup {
  readonly #needs: CleanupNeeds
  readonly #signal: AbortSignal
  /** What is to be deleted; with the kind of what has expired. */
  readonly #pending = new Map<number, EventKind | 'acknowledged'>()
  #deleting: Promise<void> | undefined
  /** Whether the disk refused the last time. */
  #refused = false
  /** Until then nothing is tried by itself after a refusal, by the clock's elapsed milliseconds. */
  #pausedUntil = 0
  /** By the clock's elapsed milliseconds. */
  #nextSweepAt = 0

  constructor(needs: CleanupNeeds, signal: AbortSignal) {
    this.#needs = needs
    this.#signal = signal
  }

  /** The numbers of the events that are to be deleted. */
  get pending(): ReadonlyMap<number, unknown> {
    return this.#pending
  }

  acknowledged(seq: number): void {
    this.#pending.set(seq, 'acknowledged')
    if (!this.#isPaused) void this.delete()
  }

  expired({ seq, event }: StoredEvent): void {
    this.#pending.set(seq, event.kind)
    if (!this.#isPaused) void this.delete()
  }

  /** The disk has taken something: what it refused before is tried again now. */
  diskRecovered(): void {
    if (this.#isPaused) void this.delete()
  }

  /** Resolves when nothing is to be deleted any more, or the disk has refused. */
  delete(): Promise<void> {
    if (this.#pending.size > 0) this.#deleting ??= this.#deleteAll()
    return this.#deleting ?? Promise.resolve()
  }

  /** Deletes what has expired, once a minute, but for those of `spared`, which the broker has or may have. */
  async sweep(spared: Iterable<number>): Promise<void> {
    const { outbox, clock, expired } = this.#needs
    if (clock.elapsed() < this.#nextSweepAt) return
    this.#nextSweepAt = clock.elapsed() + sweepEveryMs
    const pending = this.#pending
    const excepted = {
      *[Symbol.iterator]() {
        yield* spared
        yield* pending.keys()
      },
    }
    try {
      const counts = await outbox.sweep(clock.now(), excepted)
      this.#succeeded()
      void this.delete()
      for (const [kind, count] of counts) expired?.(kind, count)
    } catch (error) {
      this.#trouble(error)
    }
  }

  async #deleteAll(): Promise<void> {
    try {
      // Those that come while a commit is under way share the next one.
      while (this.#pending.size > 0) {
        const batch = [...this.#pending]
        await this.#needs.outbox.remove(batch.map(([seq]) => seq))
        this.#succeeded()
        for (const [seq] of batch) this.#pending.delete(seq)
        for (const [kind, group] of Map.groupBy(batch, ([, why]) => why)) {
          if (kind !== 'acknowledged') this.#needs.expired?.(kind, group.length)
        }
      }
    } catch (error) {
      this.#trouble(error)
    } finally {
      this.#deleting = undefined
    }
  }

  get #isPaused(): boolean {
    return this.#needs.clock.elapsed() < this.#pausedUntil
  }

  #succeeded(): void {
    this.#refused = false
    this.#pausedUntil = 0
  }

  #trouble(error: unknown): void {
    const { log, fail } = this.#needs
    if (!(error instanceof StoreFailed)) {
      fail(error)
      return
    }
    const fields = { detail: error.message, remedy: error.remedy }
    if (!this.#refused) log.error(fields, 'cannot delete events from the outbox, trying again later')
    this.#refused = true
    void this.#tryLater()
  }

  async #tryLater(): Promise<void> {
    const { clock } = this.#needs
    if (this.#isPaused) return
    this.#pausedUntil = clock.elapsed() + pauseMs
    await clock.sleep(pauseMs, this.#signal).catch(() => undefined)
    if (!this.#signal.aborted) void this.delete()
  }
}
