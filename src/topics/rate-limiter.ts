/**
 * A little time between two events of one topic.
 *
 * Home Assistant makes one state change of what comes within a millisecond, and the first of two events is then
 * never seen by a rule. Only events are spaced: work items are a queue, and state may be overtaken by newer state.
 */
import type { Clock } from '../domain/clock.ts'
import type { Message } from '../domain/model.ts'
import type { Publisher } from '../domain/ports.ts'

const gapMs = 10

/** Of one topic at a time: a fleet that is found all at once is a flood that no rule could follow. */
const mostWaiting = 1_000

/**
 * The publisher, with the events of each topic at least 10 ms apart, in their order.
 *
 * @param flooded told once of each flood of which the rest is not published
 */
export function spaced(publisher: Publisher, clock: Clock, flooded: (topic: string) => void): Publisher {
  /** When the next event of a topic may go, by the clock's elapsed time; those asked for last are last. */
  const next = new Map<string, number>()
  const floods = new Set<string>()

  return {
    async publish(message, signal) {
      if (isEvent(message)) {
        const { topic } = message
        const now = clock.elapsed()
        forgetPast(now)
        const due = Math.max(now, next.get(topic) ?? 0)
        if (due - now > mostWaiting * gapMs) {
          if (!floods.has(topic)) flooded(topic)
          floods.add(topic)
          return
        }
        next.delete(topic)
        next.set(topic, due + gapMs)
        if (due > now) await clock.sleep(due - now, signal)
        else floods.delete(topic)
      }
      await publisher.publish(message, signal)
    },
  }

  /** As far as the first that still counts: a timer for each event would cost more than the few that stay. */
  function forgetPast(now: number): void {
    for (const [topic, due] of next) {
      if (due > now) return
      next.delete(topic)
    }
  }
}

function isEvent({ topic, retain }: Message): boolean {
  return !retain && topic.endsWith('/event')
}
