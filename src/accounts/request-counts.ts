/**
 * Every request of an account, counted by what was asked and what came of it, since the start of the process.
 */
import type { CallRecord } from '../blink/http.ts'

export interface Tally {
  count(record: CallRecord): void
  /** For instance `{"homescreen 200": 12, "manifest_request 409": 1, "token DEADLINE": 1}`. */
  counts(): Readonly<Record<string, number>>
}

export function openTally(): Tally {
  const counted = new Map<string, number>()
  return {
    count({ kind, status, errorCode }) {
      const name = `${kind} ${status ?? errorCode ?? 'NO_CODE'}`
      counted.set(name, (counted.get(name) ?? 0) + 1)
    },
    counts: () => Object.fromEntries([...counted].sort(([one], [other]) => (one < other ? -1 : 1))),
  }
}
