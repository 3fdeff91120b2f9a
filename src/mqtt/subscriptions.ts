/** Who wants which messages: filters with their listeners, remembered over all connections. */
import type { Incoming } from './connection.ts'

/** A promise is returned where there is no room for the message yet: it is acknowledged when that is over. */
export type MessageListener = (message: Incoming) => unknown

/** What the broker is asked for with a filter; the first who wants a filter decides. */
export interface SubscribeOptions {
  /** Whether `retain` is to be as the sender set it, and not only on stored copies. MQTT 5 only. */
  readonly retainAsPublished?: boolean
  /** Without what we publish ourselves. MQTT 5 only. */
  readonly noLocal?: boolean
  /** Without what the broker keeps already. MQTT 5 only. */
  readonly onlyNew?: boolean
}

export class Subscriptions {
  readonly #listeners = new Map<string, Set<MessageListener>>()
  readonly #wishes = new Map<string, SubscribeOptions>()

  /** Each filter with what is wished for it. */
  get filters(): Iterable<readonly [filter: string, wish: SubscribeOptions]> {
    return this.#wishes
  }

  /** Returns whether the filter is new to the broker. */
  add(filter: string, listener: MessageListener, wish: SubscribeOptions = {}): boolean {
    const listeners = this.#listeners.get(filter)
    if (listeners) listeners.add(listener)
    else {
      this.#listeners.set(filter, new Set([listener]))
      this.#wishes.set(filter, wish)
    }
    return listeners === undefined
  }

  /** Returns whether nobody wants the filter any more. */
  remove(filter: string, listener: MessageListener): boolean {
    const listeners = this.#listeners.get(filter)
    if (!listeners?.delete(listener) || listeners.size > 0) return false
    this.#wishes.delete(filter)
    return this.#listeners.delete(filter)
  }

  /** Returns a promise when not all listeners have taken the message yet. */
  dispatch(message: Incoming): Promise<unknown> | undefined {
    const later: Promise<unknown>[] = []
    for (const [filter, listeners] of this.#listeners) {
      if (!matches(filter, message.topic)) continue
      for (const listener of [...listeners]) {
        const taken = listener(message)
        if (taken instanceof Promise) later.push(taken)
      }
    }
    return later.length > 0 ? Promise.all(later) : undefined
  }
}

/** Whether a topic is one of those a filter stands for, as MQTT defines `+` and `#`. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  // A wildcard in first place leaves out the topics of the broker's own, which begin with a dollar sign.
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true
    if (index >= levels.length) return false
    if (level !== '+' && level !== levels[index]) return false
  }
  return wanted.length === levels.length
}
