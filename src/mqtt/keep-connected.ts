/**
 * One connection after another, for ever: which version of MQTT, how long a pause, and what the log says.
 *
 * The log tells each coming and going once, and a broker that stays away or keeps breaking off once an hour.
 */
import { type Clock, deadline } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type Ending,
  openConnection,
} from './connection.ts'
import { describe, remedyFor } from './connection-errors.ts'
import type { ThrottledLog } from './log-throttle.ts'
import {
  type Answer,
  nextVersion,
  type Protocol,
  preferred,
  protocolOf,
  type Version,
} from './protocol-version.ts'
import { type Advice, afterEnding, fresh, type Reconnects } from './reconnect.ts'
import { shownUrl } from './server-options.ts'

export interface KeepOptions extends Omit<ConnectionOptions, 'protocol' | 'clean' | 'retain'> {
  readonly protocol?: Protocol | undefined
  readonly url: string
  readonly clock: Clock
  readonly log: Log
  readonly throttled: ThrottledLog
}

export interface KeepEvents extends Pick<ConnectionEvents, 'message' | 'opened'> {
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
    remedy: 'Another client may use the same mqtt.clientId; the log of the broker tells.',
  },
}
const goodbyeMs = 5_000
const retainNotSupported = 0x9a
/** Connections in a row that did not last, before their coming and going is told at `debug` only. */
const toleratedFlaps = 5

/** Resolves some time after `signal` aborts, when the last connection has ended; that one is the caller's to end. */
export async function keepConnected(
  options: KeepOptions,
  events: KeepEvents,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, throttled } = options
  let version: Version = options.protocol === 4 ? { step: 'fallback', since: clock.elapsed() } : preferred
  let reconnects = fresh
  // What the broker keeps of an earlier process is of no use; of an earlier connection, it holds the will back.
  let clean = true
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
      throttled.say('warn', fields, 'broker keeps no retained messages, going on without')
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
    if (next.flaps === 0 && ending.stood) throttled.forget()
    tell(ending, { options, reason, reconnects, advised })
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
  options: KeepOptions,
  events: KeepEvents,
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

/** With a good-bye, for the broker must not tell anyone that we are gone. */
function leave(connection: Connection, clock: Clock, signal: AbortSignal): void {
  const limit = deadline(clock, goodbyeMs, signal)
  void connection.leave(limit.signal).finally(limit.done)
}

interface Telling {
  readonly options: KeepOptions
  readonly reason: string
  readonly reconnects: Reconnects
  readonly advised: Advice | undefined
}

function tell(ending: Ending, { options, reason, reconnects, advised }: Telling): void {
  const { log, url, throttled } = options
  const fields = { url: shownUrl(url), reason }
  if (advised !== undefined) {
    const { message, remedy } = advice[advised]
    throttled.say('error', { ...fields, remedy }, message, { kind: `${message} ${reason}` })
  }
  if (!ending.stood) {
    const remedy = remedyFor(ending)
    const kind = `connect ${reason}`
    throttled.say('warn', { ...fields, ...(remedy && { remedy }) }, 'cannot connect to broker', { kind })
  } else if (reconnects.flaps < toleratedFlaps) log.info(fields, 'broker connection lost')
  else throttled.say('warn', fields, 'broker connection does not last', { kind: `flapping ${reason}` })
}

function answerOf({ stood, kind, reasonCode }: Ending): Answer {
  if (stood) return 'accepted'
  if (kind === 'refused' && (reasonCode === 0x84 || reasonCode === 1)) return 'version-refused'
  return kind === 'closed' ? 'closed-without-a-word' : 'other'
}
