/** Names of what happened not long ago; after a while, which is not exact, they are forgotten. */
import type { Clock } from '../domain/clock.ts'

export class Lately {
  readonly #clock: Pick<Clock, 'elapsed'>
  readonly #forMs: number
  #newer = new Set<string>()
  #older = new Set<string>()
  #turnedAt: number

  /** @param forMs at least so long a name is remembered, and at most twice as long */
  constructor(clock: Pick<Clock, 'elapsed'>, forMs: number) {
    this.#clock = clock
    this.#forMs = forMs
    this.#turnedAt = clock.elapsed()
  }

  add(name: string): void {
    this.#turn()
    this.#newer.add(name)
  }

  has(name: string): boolean {
    this.#turn()
    return this.#newer.has(name) || this.#older.has(name)
  }

  #turn(): void {
    const age = this.#clock.elapsed() - this.#turnedAt
    if (age < this.#forMs) return
    this.#older = age < 2 * this.#forMs ? this.#newer : new Set()
    this.#newer = new Set()
    this.#turnedAt = this.#clock.elapsed()
  }
}
