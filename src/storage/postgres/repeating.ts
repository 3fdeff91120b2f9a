/** Statements that do nothing twice are sent again while the server cannot be reached: a restart of it costs nothing. */
import type { Clock } from '../../domain/clock.ts'
import { isWorthRepeating } from './errors.ts'

export interface RepeatingNeeds {
  readonly clock: Pick<Clock, 'elapsed' | 'sleep'>
  readonly closing: AbortSignal
  readonly forMs: number
}

const everyMs = 250

export type Repeating = <T>(work: () => Promise<T>) => Promise<T>

export function repeating({ clock, closing, forMs }: RepeatingNeeds): Repeating {
  return async (work) => {
    const begun = clock.elapsed()
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const isLate = clock.elapsed() - begun > forMs
        if (isLate || closing.aborted || !isWorthRepeating(error)) throw error
        await clock.sleep(everyMs, closing).catch(() => undefined)
      }
    }
  }
}
