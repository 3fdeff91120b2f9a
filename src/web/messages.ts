/**
 * What a form has come to, for the page that is shown after it.
 *
 * Kept here under a random key, which the address carries: text in the address could be anybody's.
 */
import type { Clock } from '../domain/clock.ts'
import type { Words } from '../domain/words.ts'

export interface Message {
  readonly kind: 'done' | 'failed'
  readonly sentences: readonly Words[]
  /** What was typed as e-mail address, so that nobody types it twice. */
  readonly email?: string | undefined
  /** The fields that were wrong, by their names. */
  readonly wrong?: readonly string[]
}

export interface Messages {
  /** Returns its key. */
  keep(message: Message): string
  read(key: string | undefined): Message | undefined
}

const mostMessages = 100
const lifeMs = 10 * 60 * 1000

export function createMessages(clock: Pick<Clock, 'elapsed' | 'randomBytes'>): Messages {
  const kept = new Map<string, { readonly message: Message; readonly at: number }>()
  return {
    keep(message) {
      const key = Buffer.from(clock.randomBytes(12)).toString('base64url')
      kept.set(key, { message, at: clock.elapsed() })
      for (const oldest of kept.keys()) if (kept.size > mostMessages) kept.delete(oldest)
      return key
    },
    read(key = '') {
      const found = kept.get(key)
      return found && clock.elapsed() - found.at < lifeMs ? found.message : undefined
    },
  }
}
