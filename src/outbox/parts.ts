/**
 * The messages of one item, published side by side: when some are refused, only these are published again.
 */
import type { Message, WorkItem } from '../domain/model.ts'
import type { Publisher, Waiting } from '../domain/ports.ts'

export interface PartsNeeds {
  readonly publisher: Publisher
  /** The publishes of one item; it is forgotten when all are acknowledged. */
  readonly messagesFor: (item: WorkItem) => readonly Message[]
}

export class Parts {
  readonly #needs: PartsNeeds
  readonly #signal: AbortSignal
  /** The topics on which parts of an item were acknowledged while another was refused, until the item's end. */
  readonly #taken = new Map<number, { readonly topics: Set<string>; readonly expiresAt: number }>()

  constructor(needs: PartsNeeds, signal: AbortSignal) {
    this.#needs = needs
    this.#signal = signal
  }

  /**
   * Resolves when the broker has acknowledged all of them.
   *
   * @throws the first refusal, once all have come to an end
   */
  async publish({ seq, item }: Waiting): Promise<void> {
    const { publisher, messagesFor } = this.#needs
    const topics = this.#taken.get(seq)?.topics ?? new Set<string>()
    const messages = messagesFor(item).filter(({ topic }) => !topics.has(topic))
    const sent = messages.map((message) => publisher.publish(message, this.#signal))
    try {
      await Promise.all(sent)
      this.#taken.delete(seq)
    } catch (error) {
      const ends = await Promise.allSettled(sent)
      for (const [at, { topic }] of messages.entries()) {
        if (ends[at]?.status === 'fulfilled') topics.add(topic)
      }
      if (topics.size > 0) this.#taken.set(seq, { topics, expiresAt: item.expiresAt })
      throw error
    }
  }

  /** Lets go of what is known of dead items. */
  letGoOfDead(now: number): void {
    for (const [seq, { expiresAt }] of this.#taken) if (expiresAt <= now) this.#taken.delete(seq)
  }
}
