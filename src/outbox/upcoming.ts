/**
 * Items that came while the delivery's window was full, in their order: what is here need not be read again from disk.
 *
 * A thousand or so, for the disk has them all. Whoever goes to the disk for the oldest lets go of these first.
 */
import type { Waiting } from '../domain/ports.ts'

const most = 1_024

export class Upcoming {
  #items: Waiting[] = []

  /** False when there are too many; then it is not kept. */
  add(item: Waiting): boolean {
    if (this.#items.length >= most) return false
    this.#items.push(item)
    return true
  }

  /** The oldest, which is here no more. */
  take(): Waiting | undefined {
    return this.#items.shift()
  }

  letGo(): void {
    this.#items = []
  }
}
