/**
 * The priority queue of what waits for the broker: request IDs and events first; retained state, subscriptions and
 * answers to commands after, of which anybody can make many.
 *
 * An id grows old while it waits; state loses nothing, for the latest is what counts. So that state is published
 * during the longest flood too, it has each fourth turn while both wait. Each of the two keeps its own order.
 */

interface Waiting {
  /** Whether it goes before what is not urgent. */
  readonly urgent: boolean
}

/** So many urgent ones go before one that is not. */
const mostBefore = 3

export class PriorityQueue<T extends Waiting> {
  #held: T | undefined
  #urgent = new Set<T>()
  #rest = new Set<T>()
  #goneBefore = 0

  add(one: T): void {
    if (one.urgent) this.#urgent.add(one)
    else this.#rest.add(one)
  }

  /** Puts back what was taken, in the order given, each before its like. */
  putBack(taken: readonly T[]): void {
    // What is held was taken after these.
    const all = this.#held ? [...taken, this.#held] : taken
    this.#held = undefined
    this.#urgent = new Set([...all.filter(({ urgent }) => urgent), ...this.#urgent])
    this.#rest = new Set([...all.filter(({ urgent }) => !urgent), ...this.#rest])
  }

  /** Puts back the one that was just taken, before everything: its turn has come, and only its moment has not. */
  hold(one: T): void {
    this.#held = one
  }

  delete(one: T): void {
    if (this.#held === one) this.#held = undefined
    this.#urgent.delete(one)
    this.#rest.delete(one)
  }

  /** The next one, which waits no more. */
  take(): T | undefined {
    const next = this.#held ?? this.#ofBoth()
    if (next) this.delete(next)
    return next
  }

  *[Symbol.iterator](): Generator<T> {
    if (this.#held) yield this.#held
    yield* this.#urgent
    yield* this.#rest
  }

  #ofBoth(): T | undefined {
    const urgent = firstOf(this.#urgent)
    const rest = firstOf(this.#rest)
    const givesWay = urgent !== undefined && rest !== undefined && this.#goneBefore < mostBefore
    this.#goneBefore = givesWay ? this.#goneBefore + 1 : 0
    return givesWay ? urgent : (rest ?? urgent)
  }
}

/** The oldest of a set, in the order of adding. */
export function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  const [first] = set
  return first
}
