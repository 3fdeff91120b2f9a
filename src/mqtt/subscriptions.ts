/** Who wants which messages: filters with their listeners, remembered over all connections. */
import type { Incoming } from './connection.ts'

export type MessageListener = (message: Incoming) => void

export class Subscriptions {
  readonly #listeners = new Map<string, Set<MessageListener>>()

  get filters(): readonly string[] {
    return [...this.#listeners.keys()]
  }

  /** Tells whether the filter is new to the broker. */
  add(filter: string, listener: MessageListener): boolean {
    const listeners = this.#listeners.get(filter)
    if (listeners) listeners.add(listener)
    else this.#listeners.set(filter, new Set([listener]))
    return listeners === undefined
  }

  /** Tells whether nobody wants the filter any more. */
  remove(filter: string, listener: MessageListener): boolean {
    const listeners = this.#listeners.get(filter)
    if (!listeners?.delete(listener) || listeners.size > 0) return false
    return this.#listeners.delete(filter)
  }

  dispatch(message: Incoming): void {
    for (const [filter, listeners] of this.#listeners) {
      if (!matches(filter, message.topic)) continue
      for (const listener of [...listeners]) listener(message)
    }
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
