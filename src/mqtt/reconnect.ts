/**
 * When to connect again after a connection or a try ended, and what to tell the person. Pure: values in, values out.
 *
 * Full jitter with a growing ceiling, for ever: a fleet must not come back in one second. A client that is thrown
 * out because another one uses its id stays away for a while, or the two would expel each other without end.
 */
import type { Ending } from './connection.ts'

export interface Reconnects {
  /** Tries in a row that led to no connection that lasted. */
  readonly failures: number
  /** Connections in a row that stood, but not for long. */
  readonly flaps: number
  /** When connections ended early, as the clock's elapsed milliseconds; only those of the last minute. */
  readonly takenOver: readonly number[]
  readonly cutShort: readonly number[]
}

export type Advice = 'taken-over' | 'cut-short'

export const fresh: Reconnects = { failures: 0, flaps: 0, takenOver: [], cutShort: [] }

const firstCeilingMs = 1_000
const longestCeilingMs = 60_000
/** A connection that stood for this long was a good one. */
const lastedMs = 30_000
/** Behind a message of ours that the broker closes the connection over: work items wait no longer than that. */
const explainedCeilingMs = 4_000
/** Session taken over. */
const takenOverCode = 0x8e
const windowMs = 60_000
const tolerated = 3
const takenOverPauseMs = 5 * 60_000
/** Without a reason, only a close this soon after CONNACK points to another client with our id. */
const cutShortMs = 10_000
const cutShortPauseMs = 60_000

/**
 * The pause after an ending, in milliseconds.
 *
 * @param stoodMs how long the connection stood; 0 for a try that led to none
 * @param explained whether the connection may have ended over something we sent: no sign of another client
 * @param chance from 0 to 1
 */
export function afterEnding(
  reconnects: Reconnects,
  ending: Ending,
  {
    stoodMs,
    explained,
    elapsed,
    chance,
  }: {
    readonly stoodMs: number
    readonly explained: boolean
    readonly elapsed: number
    readonly chance: number
  },
): { readonly next: Reconnects; readonly pauseMs: number; readonly advised?: Advice } {
  const recent = (times: readonly number[]) => times.filter((time) => elapsed - time < windowMs)
  const takenOver = recent(reconnects.takenOver)
  const cutShort = recent(reconnects.cutShort)
  if (ending.reasonCode === takenOverCode) takenOver.push(elapsed)
  else if (ending.stood && ending.kind === 'closed' && !explained && stoodMs < cutShortMs) {
    cutShort.push(elapsed)
  }

  const lasted = stoodMs >= lastedMs
  const failures = lasted ? 0 : reconnects.failures
  const flaps = lasted ? 0 : reconnects.flaps + (ending.stood ? 1 : 0)
  const longest = explained ? explainedCeilingMs : longestCeilingMs
  const ceiling = Math.min(firstCeilingMs * 2 ** Math.min(failures, 10), longest)
  const pauseMs = Math.round(ceiling * chance)
  if (takenOver.length >= tolerated) {
    return { next: { ...fresh, failures, flaps }, pauseMs: takenOverPauseMs, advised: 'taken-over' }
  }
  const next = { failures: failures + 1, flaps, takenOver, cutShort }
  // Many brokers throw a client out for another one without a word; but it may be a broker that keeps falling over.
  if (cutShort.length >= tolerated) {
    return {
      next: { ...next, cutShort: [] },
      pauseMs: Math.max(pauseMs, cutShortPauseMs),
      advised: 'cut-short',
    }
  }
  return { next, pauseMs }
}
