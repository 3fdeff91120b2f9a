/**
 * How many accounts are asked at the same time.
 *
 * What a tick knows of an account's sync modules, its list and a report on each, is in memory until the tick is
 * over. If the accounts of a fleet all began at once, all of that would be there at once, and grow old there, while
 * their requests waited for each other anyway. So they begin one after another, as many as keep the cloud and the
 * disk busy.
 *
 * An account that pauses, before it asks a busy module again, lends its place to the next one. It does not wait for
 * it afterwards: nobody is asked later than the cloud wished.
 */
import type { Clock } from '../domain/clock.ts'

export interface Turns {
  /**
   * Does an account's work as soon as there is a place for it; the pauses on the clock it is given lend the place.
   *
   * Resolves with `undefined`, and nothing done, when `stopping` is aborted before that.
   */
  take<T>(work: (clock: Clock) => Promise<T>, stopping: AbortSignal): Promise<T | undefined>
}

/** Beside those whose requests are in flight there are those whose answers are being stored. */
const placesForEachRequest = 4

/** Turns for accounts that share so many requests in flight. */
export function turnsFor(concurrency: number, clock: Clock): Turns {
  const places = concurrency * placesForEachRequest
  const waiting: (() => void)[] = []
  let taken = 0

  function free(): void {
    taken--
    while (taken < places && waiting.length > 0) {
      // By chance, or where time is short the same ones would always come too late.
      const [begin] = waiting.splice(Math.floor(clock.random() * waiting.length), 1)
      taken++
      begin?.()
    }
  }

  /** Resolves when a place has been taken; or when `stopping` is aborted, and then with false. */
  function place(stopping: AbortSignal): Promise<boolean> {
    if (taken < places) {
      taken++
      return Promise.resolve(true)
    }
    return new Promise((resolve) => {
      const begin = () => {
        stopping.removeEventListener('abort', leave)
        resolve(true)
      }
      const leave = () => {
        waiting.splice(waiting.indexOf(begin), 1)
        resolve(false)
      }
      waiting.push(begin)
      stopping.addEventListener('abort', leave, { once: true })
    })
  }

  return {
    async take(work, stopping) {
      if (stopping.aborted || !(await place(stopping))) return undefined
      let asleep = 0
      const sleep: Clock['sleep'] = async (ms, signal) => {
        if (asleep++ === 0) free()
        await clock.sleep(ms, signal).finally(() => {
          if (--asleep === 0) taken++
        })
      }
      return work({ ...clock, sleep }).finally(free)
    },
  }
}
