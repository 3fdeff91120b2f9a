/**
 * Notices a broker that stays connected and leaves a publish without its acknowledgement; keepalive is answered all
 * the same.
 *
 * One publish without its acknowledgement is enough: it holds up the module it tells of until the connection ends,
 * and on the next one it is sent again.
 */
import type { Clock } from '../domain/clock.ts'

/** A publish under way; always the same object for the same publish. */
export interface UnderWay {
  /** The clock's elapsed milliseconds. */
  readonly sentAt: number
}

const longestMs = 60_000
const lookMs = 20_000
/** By the clock alone, a program that stood still for a minute would blame the broker for it. */
const leastLooks = 4

/** Calls `giveUp`, once, when the oldest publish has had no answer for a minute; until `signal` is aborted. */
export async function watchUnanswered(
  { oldest, giveUp }: { readonly oldest: () => UnderWay | undefined; readonly giveUp: () => void },
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let seen: UnderWay | undefined
  let looks = 0
  while (!signal.aborted) {
    const now = oldest()
    looks = now !== undefined && now === seen ? looks + 1 : 1
    seen = now
    if (now && looks >= leastLooks && clock.elapsed() - now.sentAt >= longestMs) return giveUp()
    await clock.sleep(lookMs, signal).catch(() => undefined)
  }
}
