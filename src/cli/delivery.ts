/**
 * The end of a single run: the broker's acknowledgements are waited for, and what is left is reported.
 */
import type { Daemon } from '../app.ts'
import type { Clock } from '../domain/clock.ts'
import type { Terminal } from './terminal.ts'

export interface DeliveryNeeds {
  readonly terminal: Pick<Terminal, 'err' | 'stop'>
  readonly clock: Clock
  /** What waits, in the plural. */
  readonly what: string
  readonly dataDir: string
}

/** How long the broker may take to acknowledge the events of the run. */
const brokerTimeoutMs = 30_000

/** The same, when only state topics wait, which the next run publishes again anyway. */
const stateTimeoutMs = 2_000

/** The same, when a person wants to end. */
const interruptedMs = 1_000

/** Whether the broker has all events. */
export async function isDelivered(
  daemon: Daemon,
  { terminal, clock, what, dataDir }: DeliveryNeeds,
): Promise<boolean> {
  const late = new AbortController()
  try {
    const timeoutMs = (await daemon.outbox.count()) > 0 ? brokerTimeoutMs : stateTimeoutMs
    const drained = daemon.drained(late.signal).then(() => true)
    const within = (ms: number, signal: AbortSignal) => {
      const over = clock.sleep(ms, AbortSignal.any([late.signal, signal])).catch(() => undefined)
      return Promise.race([drained, over.then(() => false), daemon.failed])
    }
    let settled = await within(timeoutMs, terminal.stop)
    // An interrupted run reports what is left, so events in flight may still arrive.
    if (!settled && terminal.stop.aborted) settled = await within(interruptedMs, late.signal)
    const left = settled ? 0 : await daemon.outbox.count()
    if (left === 0) return true
    const { broker } = await daemon.status.health()
    const why = whyNotDelivered(terminal.stop.aborted, broker.connected)
    terminal.err(
      `blink-manifestd: ${why}. ${left} ${what} wait in ${dataDir} and go out with the next run.\n`,
    )
    return false
  } finally {
    late.abort(new Error('over'))
  }
}

function whyNotDelivered(interrupted: boolean, connected: boolean): string {
  if (interrupted) return 'interrupted before the broker had acknowledged everything'
  return connected ? 'the broker has not acknowledged everything' : 'the broker did not answer'
}
