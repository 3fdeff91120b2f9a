/**
 * Writes on their way to a shared commit, in the order of their calls.
 *
 * A commit costs a wait for the disk, in which the program stands still, so writes that come together share one. How
 * many come together is not known; so a group is open for some turns of the event loop. An idle loop makes them in
 * microseconds, and a busy one gathers answers and acknowledgements in each of them.
 */

export interface Write {
  readonly work: () => unknown
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/** Of one, two and three, three stored most work items a second with eight in flight: a sixth more than one. */
const turnsToGather = 3

/**
 * Writes that share a commit at most. Mosquitto takes twenty publishes before it reads on, and its acknowledgements
 * are read between commits: with more writes in one, the delivery would fall behind.
 */
const mostInGroup = 16

export class WriteQueue {
  readonly #commit: (group: readonly Write[]) => void
  #waiting: Write[] = []

  /** @param commit does a group's work and settles each of its writes; must not throw */
  constructor(commit: (group: readonly Write[]) => void) {
    this.#commit = commit
  }

  /** Resolves with what `work` returned, once its group is committed. */
  add<T>(work: () => T): Promise<T> {
    if (this.#waiting.length === 0) this.#gather(turnsToGather)
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let value: T
    this.#waiting.push({
      work: () => {
        value = work()
      },
      done: () => resolve(value),
      failed: reject,
    })
    return promise
  }

  /** Commits all that waits, now. */
  flush(): void {
    this.#take(Number.POSITIVE_INFINITY)
  }

  #gather(turns: number): void {
    setImmediate(() => {
      if (turns > 1) this.#gather(turns - 1)
      else this.#take(mostInGroup)
    })
  }

  #take(most: number): void {
    const group = this.#waiting.splice(0, most)
    if (this.#waiting.length > 0) this.#gather(turnsToGather)
    if (group.length > 0) this.#commit(group)
  }
}
