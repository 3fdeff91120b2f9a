/**
 * A moment on both clocks, for the age of a lease: the wall clock may be set, and the other one stands still while a
 * computer sleeps.
 */
import type { Clock } from '../domain/clock.ts'

export class Measured {
  readonly #clock: Pick<Clock, 'now' | 'elapsed'>
  #now: number
  #elapsed: number

  constructor(clock: Pick<Clock, 'now' | 'elapsed'>) {
    this.#clock = clock
    this.#now = clock.now()
    this.#elapsed = clock.elapsed()
  }

  /** Whether less than `ms` has passed since, by each of the two clocks. */
  isWithin(ms: number): boolean {
    return this.#clock.elapsed() - this.#elapsed < ms && this.#clock.now() - this.#now < ms
  }

  becomes(other: Measured): void {
    this.#now = other.#now
    this.#elapsed = other.#elapsed
  }
}
