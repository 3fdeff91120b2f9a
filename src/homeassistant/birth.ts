/**
 * Home Assistant's birth message: after its start it needs everything published again.
 *
 * A stored copy says nothing about now. All programs at the broker receive it at the same moment, so each waits for a
 * random time; a second one within ten seconds is answered, but not before these are over.
 */
import type { Clock } from '../domain/clock.ts'
import type { Incoming } from '../mqtt/connection.ts'

const quietMs = 10_000
const leastWaitMs = 1_000
const mostWaitMs = 10_000
const birth = 'online'

export interface BirthNeeds {
  readonly answer: () => void
  readonly clock: Clock
}

/** Takes the messages of the status topic until `signal` is aborted. */
export function awaitBirths({ answer, clock }: BirthNeeds, signal: AbortSignal): (message: Incoming) => void {
  let notBefore = Number.NEGATIVE_INFINITY
  let waiting = false
  return ({ payload, retain }) => {
    if (retain || waiting || payload.length > birth.length || Buffer.from(payload).toString() !== birth)
      return
    waiting = true
    const quietLeftMs = Math.max(0, notBefore - clock.elapsed())
    const waitMs = quietLeftMs + leastWaitMs + clock.random() * (mostWaitMs - leastWaitMs)
    notBefore = clock.elapsed() + quietLeftMs + quietMs
    clock.sleep(waitMs, signal).then(
      () => {
        waiting = false
        answer()
      },
      () => undefined,
    )
  }
}
