/**
 * Dead items on their way out of the outbox: once a minute while items arrive or leave, and when the delivery meets one.
 *
 * To drop takes a commit, so it is not done each time the delivery takes from the disk. What is met is dropped by its
 * number: the outbox looks for dead ones among its oldest only, and this one may lie far behind them.
 */
import type { Clock } from '../domain/clock.ts'
import type { Outbox } from '../domain/ports.ts'

export interface DroppingNeeds {
  readonly outbox: Pick<Outbox, 'dropExpired' | 'remove'>
  readonly clock: Clock
  /** Told how many died waiting. */
  readonly dropped: (count: number) => void
  /** Told when the disk does not drop, of that and of what nobody expected. */
  readonly trouble: (error: unknown) => void
}

/** While the broker is away nothing is taken, and what dies behind the window must not pile up. */
const everyMs = 60_000

/** How long to wait after a refusal of the disk, in milliseconds. */
const pauseMs = 30_000

export class Dropping {
  readonly #needs: DroppingNeeds
  /** By the clock's elapsed milliseconds. */
  #nextAt = 0
  #refused = false

  constructor(needs: DroppingNeeds) {
    this.#needs = needs
  }

  get isDue(): boolean {
    return this.#needs.clock.elapsed() >= this.#nextAt
  }

  /** Whether the disk refused it last time. Then the dead go out with the rest, for they cannot be got out of the way. */
  get isRefused(): boolean {
    return this.#refused
  }

  /** Drops the oldest that are dead, but for those of `spared`, which the broker has or may have. */
  async old(spared: Iterable<number>): Promise<void> {
    const { outbox, clock } = this.#needs
    await this.#try(() => outbox.dropExpired(clock.now(), spared))
  }

  /** Drops dead ones that are in the way of the living. There may be more, so the old ones are due after them. */
  async met(seqs: readonly number[]): Promise<void> {
    await this.#try(async () => {
      await this.#needs.outbox.remove(seqs)
      return seqs.length
    })
    if (!this.#refused) this.#nextAt = 0
  }

  async #try(drop: () => Promise<number>): Promise<void> {
    const { clock, dropped, trouble } = this.#needs
    this.#nextAt = clock.elapsed() + everyMs
    try {
      const count = await drop()
      this.#refused = false
      if (count > 0) dropped(count)
    } catch (error) {
      this.#refused = true
      this.#nextAt = clock.elapsed() + pauseMs
      trouble(error)
    }
  }
}
