/**
 * Rate limit for events: those of one topic are published at least 10 ms apart.
 *
 * Home Assistant makes one state change of what comes within a millisecond, and a rule then never sees the first of
 * two events. Only events are limited: work items are a queue, and newer state may replace older.
 */
import type { Clock } from '../domain/clock.ts'
import type { Publisher } from '../domain/ports.ts'

const gapMs = 10

/** Events of one topic at a time: no rule could follow a fleet that is found all at once. */
const mostWaiting = 1_000

/**
 * Publishes through `publisher`, events of one topic in their order and 10 ms apart.
 *
 * @param exceeded called once for each burst of which the rest is dropped
 */
export function rateLimited(
  publisher: Publisher,
  clock: Clock,
  exceeded: (topic: string) => void,
): Publisher {
  /** When the next event of a topic may go, by the clock's elapsed time; the latest used last. */
  const next = new Map<string, number>()
  const overLimit = new Set<string>()

  return {
    async publish(message, signal) {
      if (message.event) {
        const { topic } = message
        const now = clock.elapsed()
        removePast(now)
        const due = Math.max(now, next.get(topic) ?? 0)
        if (due - now > mostWaiting * gapMs) {
          if (!overLimit.has(topic)) exceeded(topic)
          overLimit.add(topic)
          return
        }
        next.delete(topic)
        next.set(topic, due + gapMs)
        if (due > now) await clock.sleep(due - now, signal)
        else overLimit.delete(topic)
      }
      await publisher.publish(message, signal)
    },
  }

  /** As far as the first that still counts: a timer for each event would cost more than the few that stay. */
  function removePast(now: number): void {
    for (const [topic, due] of next) {
      if (due > now) return
      next.delete(topic)
    }
  }
}
