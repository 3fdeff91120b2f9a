/**
 * Acknowledged items on their way out of the outbox: a moment later, and together.
 *
 * Each commit costs a write of the disk, and it need not be at once: whoever is killed in this moment delivers
 * again, with the same event id. What the disk will not forget is held, and never sent again by this process.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Outbox } from '../domain/ports.ts'

export interface ForgettingNeeds {
  readonly outbox: Pick<Outbox, 'remove'>
  readonly clock: Clock
  /** Told when the disk does not forget, of that and of what nobody expected. */
  readonly trouble: (error: unknown) => void
  /** Told when something is forgotten after all. */
  readonly recovered: () => void
}

/** Short beside the time between two requests of a home, long enough for dozens of a fleet's. */
const gatherMs = 50

/** How long to wait after a refusal of the disk, in milliseconds. */
const pauseMs = 30_000

export class Forgetting {
  readonly #needs: ForgettingNeeds
  readonly #signal: AbortSignal
  readonly #acknowledged = new Set<number>()
  #removing: Promise<void> | undefined
  /** The one after that, which has not begun: it takes what is acknowledged until then. */
  #next: Promise<void> | undefined
  /** When it is tried next, by the clock's elapsed milliseconds. */
  #nextAt = Number.POSITIVE_INFINITY
  #refused = false

  constructor(needs: ForgettingNeeds, signal: AbortSignal) {
    this.#needs = needs
    this.#signal = signal
  }

  /** How many are acknowledged and still on disk. */
  get size(): number {
    return this.#acknowledged.size
  }

  has(seq: number): boolean {
    return this.#acknowledged.has(seq)
  }

  /** These and the acknowledged ones that are still on disk, each time as they are then. */
  and(others: Iterable<number>): Iterable<number> {
    const acknowledged = this.#acknowledged
    return {
      *[Symbol.iterator]() {
        yield* others
        yield* acknowledged
      },
    }
  }

  add(seq: number): void {
    this.#acknowledged.add(seq)
    if (!this.#refused) void this.#later(gatherMs)
  }

  /** Forgets what is acknowledged by now. Resolves when that is done, or the disk has refused it. */
  now(): Promise<void> {
    this.#next ??= this.#afterRemoving()
    return this.#next
  }

  async #afterRemoving(): Promise<void> {
    await this.#removing
    this.#next = undefined
    this.#removing = this.#remove()
    await this.#removing
  }

  async #remove(): Promise<void> {
    const seqs = [...this.#acknowledged]
    if (seqs.length === 0) return
    try {
      await this.#needs.outbox.remove(seqs)
    } catch (error) {
      const isNews = !this.#refused
      this.#refused = error instanceof StoreFailed
      if (isNews || !this.#refused) this.#needs.trouble(error)
      if (this.#refused) void this.#later(pauseMs)
      return
    }
    for (const seq of seqs) this.#acknowledged.delete(seq)
    if (this.#refused) this.#needs.recovered()
    this.#refused = false
  }

  /** The disk has taken something: what it refused before is tried again now. */
  diskTook(): void {
    if (this.#refused) void this.now()
  }

  async #later(ms: number): Promise<void> {
    const { clock } = this.#needs
    const at = clock.elapsed() + ms
    if (this.#nextAt <= at) return
    this.#nextAt = at
    await clock.sleep(ms, this.#signal).catch(() => undefined)
    // A pause after a refusal goes on when the disk has recovered, and others have come before its end.
    if (this.#nextAt === at) this.#nextAt = Number.POSITIVE_INFINITY
    if (!this.#signal.aborted) await this.now()
  }
}
