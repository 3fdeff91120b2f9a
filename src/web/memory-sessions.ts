/** Who has given the page's password, in memory: a restart asks for it again. */
import type { Clock } from '../domain/clock.ts'
import type { WebSessions } from '../domain/ports.ts'

const lifeMs = 30 * 24 * 60 * 60 * 1000
const mostSessions = 200

export function memorySessions(clock: Pick<Clock, 'elapsed'>): WebSessions {
  /** When each was used last, the oldest first. */
  const usedAt = new Map<string, number>()
  return {
    async use(id) {
      const at = usedAt.get(id)
      if (at === undefined) return false
      usedAt.delete(id)
      const now = clock.elapsed()
      if (now - at > lifeMs) return false
      usedAt.set(id, now)
      return true
    },
    async open(id) {
      usedAt.set(id, clock.elapsed())
      for (const oldest of usedAt.keys()) if (usedAt.size > mostSessions) usedAt.delete(oldest)
    },
    async close(id) {
      usedAt.delete(id)
    },
  }
}
