/**
 * One connection after another, for ever: which version of MQTT, how long a pause, and what is logged.
 *
 * Full jitter with a growing ceiling: a fleet must not come back in one second. A client that is thrown out because
 * another one uses its id stays away for a while, or the two would expel each other without end. Each connection and
 * loss is logged once, and a broker that stays away or keeps breaking off once an hour.
 */
import { type Clock, deadline } from '../domain/clock.ts'
import type { Runtime } from '../domain/ports.ts'
import type { ThrottledLog } from '../domain/throttled-log.ts'
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type Ending,
  openConnection,
} from './connection.ts'
import { describe, remedyFor } from './connection-errors.ts'
import {
  type Answer,
  nextVersion,
  type Protocol,
  preferred,
  protocolOf,
  type Version,
} from './protocol-version.ts'
import { shownUrl } from './server-options.ts'

export interface ReconnectOptions
  extends Omit<ConnectionOptions, 'protocol' | 'clean' | 'retain'>,
    Pick<Runtime, 'log'> {
  readonly protocol?: Protocol | undefined
  /** Whether another process may have held this client id until now, whose will is then not to be published. */
  readonly takesOver?: boolean | undefined
  readonly url: string
  readonly throttled: ThrottledLog
}

export interface ReconnectEvents extends Pick<ConnectionEvents, 'message' | 'opened'> {
  /** A connection that was opened has ended. Returns whether that may be over something we sent. */
  lost(ending: Ending): boolean
  /** A try led to no connection. */
  failed(reason: string): void
}

const advice: Readonly<Record<Advice, { readonly message: string; readonly remedy: string }>> = {
  'taken-over': {
    message: 'another client uses our client id, staying away for five minutes',
    remedy: 'Stop the other instance, or give each its own mqtt.clientId.',
  },
  'cut-short': {
    message: 'broker closes the connection again and again, waiting a minute',
    remedy: 'Another client may use the same mqtt.clientId; see the log of the broker.',
  },
}
const goodbyeMs = 5_000
const retainNotSupported = 0x9a
/** Connections in a row that did not last, before they are logged at `debug` only. */
const toleratedFlaps = 5

/** Resolves some time after `signal` aborts, when the last connection has ended; that one is the caller's to end. */
export async function keepConnected(
  options: ReconnectOptions,
  events: ReconnectEvents,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, throttled } = options
  let version: Version = options.protocol === 4 ? { step: 'fallback', since: clock.elapsed() } : preferred
  let reconnects = fresh
  // What the broker keeps of an earlier process is of no use; of an earlier connection, it holds the will back.
  let clean = options.takesOver !== true
  let retain = true

  while (!signal.aborted) {
    const quiet = reconnects.flaps >= toleratedFlaps
    const { ending, ...stood } = await connectOnce(options, events, { version, clean, retain, quiet, signal })
    if (signal.aborted) return
    if (retain && ending.kind === 'refused' && ending.reasonCode === retainNotSupported) {
      retain = false
      const remedy =
        'Let the broker keep retained messages: without them no state and no discovery is published.'
      const fields = { url: shownUrl(options.url), reason: 'retain_available', remedy }
      throttled.log('warn', fields, 'broker keeps no retained messages, going on without')
      continue
    }
    // The next one may keep them again.
    if (ending.stood) retain = true

    const tried = version
    const elapsed = clock.elapsed()
    version = nextVersion(tried, answerOf(ending), elapsed)
    if (tried.step === 'probe' && ending.stood) continue
    if (ending.stood) clean = false
    const reason = describe(ending)
    if (version.step === 'fallback' && tried.step !== 'fallback') {
      log.warn({ reason }, 'broker refuses MQTT 5, using MQTT 3.1.1 without expiry and properties')
      continue
    }

    const { next, pauseMs, advised } = afterEnding(reconnects, ending, {
      ...stood,
      elapsed,
      chance: clock.random(),
    })
    reconnects = next
    if (next.flaps === 0 && ending.stood) throttled.reset()
    logEnding(ending, { options, reason, reconnects, advised })
    if (!ending.stood) events.failed(reason)
    await clock.sleep(pauseMs, signal).catch(() => undefined)
  }
}

interface Try {
  readonly version: Version
  readonly clean: boolean
  readonly retain: boolean
  readonly quiet: boolean
  readonly signal: AbortSignal
}

interface Tried {
  readonly ending: Ending
  readonly stoodMs: number
  readonly explained: boolean
}

/** Resolves when the connection, or the try, has ended. */
function connectOnce(
  options: ReconnectOptions,
  events: ReconnectEvents,
  { version, clean, retain, quiet, signal }: Try,
): Promise<Tried> {
  const { clock, log, url, clientId } = options
  const protocol = protocolOf(version)
  const { promise, resolve } = Promise.withResolvers<Tried>()
  let openedAt: number | undefined
  const stop = () => {
    if (openedAt === undefined) connection.cut()
  }
  const connection: Connection = openConnection(
    { ...options, protocol, clean, retain },
    {
      message: events.message,
      opened(opened) {
        if (version.step === 'probe') return leave(opened, clock, signal)
        openedAt = clock.elapsed()
        log[quiet ? 'debug' : 'info']({ url: shownUrl(url), protocol, clientId }, 'connected to broker')
        events.opened(opened)
      },
      ended(ending) {
        signal.removeEventListener('abort', stop)
        const explained = openedAt !== undefined && events.lost(ending)
        const stoodMs = openedAt === undefined ? 0 : clock.elapsed() - openedAt
        resolve({ ending, stoodMs, explained })
      },
    },
  )
  signal.addEventListener('abort', stop)
  return promise
}

/** With DISCONNECT, so that the broker does not publish the will. */
function leave(connection: Connection, clock: Clock, signal: AbortSignal): void {
  const limit = deadline(clock, goodbyeMs, signal)
  void connection.leave(limit.signal).finally(limit.done)
}

interface LogContext {
  readonly options: ReconnectOptions
  readonly reason: string
  readonly reconnects: Reconnects
  readonly advised: Advice | undefined
}

function logEnding(ending: Ending, { options, reason, reconnects, advised }: LogContext): void {
  const { log, url, throttled } = options
  const fields = { url: shownUrl(url), reason }
  if (advised !== undefined) {
    const { message, remedy } = advice[advised]
    throttled.log('error', { ...fields, remedy }, message, { kind: `${message} ${reason}` })
  }
  if (!ending.stood) {
    const remedy = remedyFor(ending)
    const kind = `connect ${reason}`
    throttled.log('warn', { ...fields, ...(remedy && { remedy }) }, 'cannot connect to broker', { kind })
  } else if (reconnects.flaps < toleratedFlaps) log.info(fields, 'broker connection lost')
  else throttled.log('warn', fields, 'broker connection does not last', { kind: `flapping ${reason}` })
}

function answerOf({ stood, kind, reasonCode }: Ending): Answer {
  if (stood) return 'accepted'
  if (kind === 'refused' && (reasonCode === 0x84 || reasonCode === 1)) return 'version-refused'
  return kind === 'closed' ? 'closed-without-a-word' : 'other'
}

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
  // Many brokers throw a client out for another one without a reason code; but it may be a broker that keeps falling over.
  if (cutShort.length >= tolerated) {
    return {
      next: { ...next, cutShort: [] },
      pauseMs: Math.max(pauseMs, cutShortPauseMs),
      advised: 'cut-short',
    }
  }
  return { next, pauseMs }
}
