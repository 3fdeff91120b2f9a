/**
 * Whose turn it is among the publishes that wait for the broker: request IDs and events first, retained state after.
 *
 * An id grows old while it waits; state loses nothing, for the latest is what counts. So that state is told during
 * the longest flood too, it has each fourth turn while both wait. Each of the two keeps its own order. What a lost
 * connection left unanswered comes before all of it.
 */

interface Waiting {
  readonly message: { readonly retain: boolean }
}

/** So many ids and events go before state that waits. */
const mostBefore = 3

export class RightOfWay<T extends Waiting> {
  #again = new Set<T>()
  readonly #happenings = new Set<T>()
  readonly #state = new Set<T>()
  #goneBefore = 0

  add(one: T): void {
    if (one.message.retain) this.#state.add(one)
    else this.#happenings.add(one)
  }

  /** Puts back what was taken, in the order given, before everything. */
  putBack(taken: Iterable<T>): void {
    this.#again = new Set([...taken, ...this.#again])
  }

  delete(one: T): void {
    this.#again.delete(one)
    this.#happenings.delete(one)
    this.#state.delete(one)
  }

  /** The next one, which waits no more. */
  take(): T | undefined {
    const next = firstOf(this.#again) ?? this.#ofBoth()
    if (next) this.delete(next)
    return next
  }

  *[Symbol.iterator](): Generator<T> {
    yield* this.#again
    yield* this.#happenings
    yield* this.#state
  }

  #ofBoth(): T | undefined {
    const happening = firstOf(this.#happenings)
    const state = firstOf(this.#state)
    const givesWay = happening !== undefined && state !== undefined && this.#goneBefore < mostBefore
    this.#goneBefore = givesWay ? this.#goneBefore + 1 : 0
    return givesWay ? happening : (state ?? happening)
  }
}

/** The oldest of a set, in the order of adding. */
export function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  const [first] = set
  return first
}
