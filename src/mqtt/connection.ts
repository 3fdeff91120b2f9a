/**
 * One connection to the broker, from CONNECT to its end; the only importer of mqtt.js.
 *
 * A client of mqtt.js is used once and thrown away, and never reconnects: what it does across connections
 * (its queue, its ids, its resubscribing) loses messages and loops. It is given publishes only while the
 * connection stands, and its events after the end are ignored.
 */

import { Socket, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import { connect, ErrorWithReasonCode, type IClientOptions } from 'mqtt'
import protocolCodes from 'mqtt-packet/constants.js'
import { addressesTried, addressTimeoutMs } from '../domain/addresses.ts'
import type { Clock } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Runtime } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import { reasonWords } from './connection-errors.ts'
import { FrameLimit, inOrder, packetSize, puback, publishProperties } from './packets.ts'
import type { Protocol } from './protocol-version.ts'
import type { Link } from './publish-queue.ts'
import type { Server } from './server-options.ts'

export interface ConnectionOptions extends Pick<Runtime, 'clock'> {
  readonly server: Server
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly clientId: string
  readonly will: Will
  /** False for a broker that refuses a retained will: then `retains` is false, and nothing is retained. */
  readonly retain: boolean
  readonly protocol: Protocol
  /** Whether the broker deletes the session it kept for us; MQTT 3.1.1 always starts clean. */
  readonly clean: boolean
}

/** Published by the broker, retained, when we are gone for longer than the delay. */
export interface Will {
  readonly topic: string
  readonly payload: string
  /** Five seconds where nothing is said. MQTT 3.1.1 has none. */
  readonly delaySeconds?: number
}

/** An MQTT message that came in. */
export interface Incoming {
  readonly topic: string
  readonly payload: Uint8Array
  /**
   * Whether this is a stored copy, sent because we subscribed. False for what is published while we listen, but
   * where the subscription wishes for the flag as its sender set it.
   */
  readonly retain: boolean
  /** Whether the broker waits for an acknowledgement; otherwise nothing holds a flood back. */
  readonly acknowledged?: boolean
  readonly properties: {
    readonly responseTopic?: string | undefined
    readonly correlationData?: Uint8Array | undefined
  }
}

/**
 * How a connection ended. `refused`: the broker refused CONNECT. `closed`: it closed the connection
 * without a reason code. `failed`: everything else (network, name, TLS, time). `reasonCode` is the broker's.
 */
export interface Ending {
  readonly stood: boolean
  /** Whether the broker acknowledged anything on this connection. */
  readonly answered: boolean
  readonly kind: 'refused' | 'closed' | 'failed' | 'disconnected' | 'left'
  readonly reasonCode?: number
  readonly error?: Error
  /** The addresses of the broker that were tried for a connection that never stood. */
  readonly tried?: readonly string[]
}

export interface Connection extends Link {
  readonly protocol: Protocol
  /** Whether the broker keeps retained messages. */
  readonly retains: boolean
  unsubscribe(filter: string): void
  /** Sends DISCONNECT, so that the will is not sent; cut off when `signal` aborts. */
  leave(signal: AbortSignal): Promise<void>
  /** Ends at once without DISCONNECT: the broker sends the will. */
  cut(): void
}

export interface ConnectionEvents {
  opened(connection: Connection): void
  /** Acknowledged when it returns nothing, or else when what it returns resolves. */
  message(message: Incoming): Promise<unknown> | undefined
  /** Called once, last. */
  ended(ending: Ending): void
}

const connectTimeoutMs = 15_000
const keepaliveSeconds = 30
/** So much longer than the will's delay, which otherwise ends with the session. */
const sessionOutlivesSeconds = 55
/** A blip of a second must not make every entity unavailable. */
const willDelaySeconds = 5
/** What a broker may have on the way to us: commands are small and few. */
const receiveMaximum = 64
const maximumPacketSize = 256 * 1024
/**
 * What is gathered of one packet before we hang up. Far more than we ask for: MQTT 3.1.1 cannot announce the limit,
 * and a large document of somebody else's must not keep us away.
 */
const mostGathered = 16 * maximumPacketSize
/** mqtt.js gives an id out again after 65,535 publishes without looking whether it is still in use. */
const widestWindow = 4_096
const packetTooLarge = 0x95
/** How long messages that came in may keep everything else waiting. */
const longestTurnMs = 2
const retainNotSupported = 0x9a
const qosNotSupported = 0x9b
const lowestRefusal = 0x80
const highestCode = 0xff

acceptEveryRefusal()

/** Lets a slow line connect, for the whole process: mqtt.js hands no such option through. */
export function allowSlowConnections(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(addressTimeoutMs(connectTimeoutMs))
}

/** Starts to connect; never throws, reports everything through `events`. */
export function openConnection(options: ConnectionOptions, events: ConnectionEvents): Connection {
  const { protocol } = options
  const client = connect(clientOptions(options))
  // A WebSocket keeps its socket to itself.
  const tried = client.stream instanceof Socket ? addressesTried(client.stream) : () => []
  let stood = false
  let answered = false
  let over = false
  let leaving = false
  let maximumSize = Number.POSITIVE_INFINITY
  let window = widestWindow
  let retains = options.retain
  let pinged: (() => void) | undefined

  const end = (ending: Omit<Ending, 'stood' | 'answered'>) => {
    if (over) return
    over = true
    // Nothing is sent any more, and the socket goes away even when the other side does not answer.
    client.stream.destroy()
    const attempts = stood ? [] : tried()
    events.ended({
      stood,
      answered,
      ...(leaving ? { kind: 'left' } : ending),
      ...(attempts.length > 0 && { tried: attempts }),
    })
  }

  const connection: Connection = {
    protocol,
    get window() {
      return window
    },
    get retains() {
      return retains
    },
    publish(message, done) {
      if (message.retain && !retains && message.topic !== options.will.topic) {
        done(new PublishRefused('the broker keeps no retained messages', retainNotSupported))
        return
      }
      const properties = protocol === 5 ? publishProperties(message) : undefined
      if (maximumSize < Number.POSITIVE_INFINITY && packetSize(message, properties) > maximumSize) {
        done(
          new PublishRefused(
            `larger than the ${maximumSize} bytes that the broker announces`,
            packetTooLarge,
          ),
        )
        return
      }
      const retain = message.retain && retains
      const publishOptions = { qos: 1 as const, retain, ...(properties && { properties }) }
      client.publish(message.topic, message.payload, publishOptions, (error) => {
        // Without a reason code it is mqtt.js that gave up, and the end of the connection is near.
        if (over || (error && !(error instanceof ErrorWithReasonCode))) return
        answered = true
        done(error ? new PublishRefused(reasonWords(error.code), error.code) : undefined)
      })
    },
    subscribe(filter, { retainAsPublished = false, noLocal = false, onlyNew = false }, done) {
      const v5 = protocol === 5 && { rap: retainAsPublished, nl: noLocal, rh: onlyNew ? 2 : 0 }
      client.subscribe(filter, { qos: 1, ...v5 }, (error) => {
        // Without a reason code it is mqtt.js that gave up, and the end of the connection is near.
        const code: unknown = error && 'code' in error ? error.code : undefined
        if (over || (error && typeof code !== 'number')) return
        answered = true
        done(typeof code === 'number' ? new PublishRefused(reasonWords(code), code) : undefined)
      })
    },
    ping(done) {
      pinged = done
      client.sendPing()
    },
    unsubscribe(filter) {
      client.unsubscribe(filter)
    },
    giveUp() {
      end({ kind: 'failed', error: new Error('the broker has not acknowledged a publish for a minute') })
    },
    leave(signal) {
      const { promise, resolve } = Promise.withResolvers<void>()
      leaving = true
      const left = () => {
        signal.removeEventListener('abort', left)
        end({ kind: 'left' })
        resolve()
      }
      if (over || signal.aborted) left()
      else {
        signal.addEventListener('abort', left)
        client.once('close', left)
        client.end(false, { reasonCode: 0, properties: { sessionExpiryInterval: 0 } })
      }
      return promise
    },
    cut() {
      leaving = true
      end({ kind: 'left' })
    },
  }

  // mqtt.js would acknowledge at once, or stop reading until it may, and the broker's own acknowledgements with it.
  const goOn = turns(options.clock)
  client.handleMessage = (_packet, done) => goOn(() => done(acknowledgedHere))
  const acknowledge = inOrder((ids) => {
    if (!over) client.stream.write(Buffer.concat(ids.map(puback)))
  })

  client.on('connect', ({ properties }) => {
    if (over) return
    maximumSize = properties?.maximumPacketSize ?? maximumSize
    window = Math.min(properties?.receiveMaximum ?? window, widestWindow)
    // Not allowed by MQTT, and nothing could ever be published.
    if (window < 1) return end({ kind: 'failed', error: new Error('the broker allows no publish at all') })
    // QoS 0 promises nothing, and a request ID must not be lost.
    if (properties && 'maximumQoS' in properties && properties.maximumQoS === 0) {
      return end({ kind: 'refused', reasonCode: qosNotSupported })
    }
    if (properties?.retainAvailable === false) retains = false
    stood = true
    events.opened(connection)
  })
  client.on('message', (topic, payload, packet) => {
    if (over) return
    const { retain, messageId, qos } = packet
    const { responseTopic, correlationData } = packet.properties ?? {}
    const properties = { responseTopic, correlationData }
    const taken = events.message({ topic, payload, retain, acknowledged: qos > 0, properties })
    if (qos > 0 && messageId !== undefined) acknowledge(messageId, taken)
  })
  client.on('packetreceive', ({ cmd }) => {
    if (over || cmd !== 'pingresp') return
    answered = true
    const done = pinged
    pinged = undefined
    done?.()
  })
  const limit = new FrameLimit(mostGathered)
  client.stream.on('data', (chunk: Uint8Array) => {
    if (limit.accepts(chunk)) return
    end({ kind: 'failed', error: new Error(`the broker sent a packet of more than ${mostGathered} bytes`) })
  })
  client.on('disconnect', ({ reasonCode }) => {
    end({ kind: 'disconnected', ...(reasonCode !== undefined && { reasonCode }) })
  })
  // mqtt.js keeps errors without a code to itself: a web server's 404 in place of a WebSocket, for instance.
  client.stream.on('error', (error: Error) => end({ kind: wasReset(error) ? 'closed' : 'failed', error }))
  client.on('error', (error) => {
    if (!stood && error instanceof ErrorWithReasonCode) {
      end({ kind: 'refused', reasonCode: error.code, error })
    } else end({ kind: wasReset(error) ? 'closed' : 'failed', error })
  })
  client.on('close', () => end({ kind: 'closed' }))
  return connection
}

/** Makes mqtt.js go on without an acknowledgement of its own. */
const acknowledgedHere = new Error('acknowledged when taken')

/**
 * Calls what it is given at once, but for once in a few milliseconds: then everything else has its turn before.
 *
 * A flood comes in pieces of two megabytes, and sixty thousand messages in a piece would hold up all else for seconds.
 */
function turns(clock: Clock): (work: () => void) => void {
  let begun = clock.elapsed()
  return (work) => {
    if (clock.elapsed() - begun < longestTurnMs) return work()
    setImmediate(() => {
      begun = clock.elapsed()
      work()
    })
  }
}

function wasReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function clientOptions(options: ConnectionOptions): IClientOptions {
  const { server, username, password, clientId, will, retain, protocol, clean } = options
  const v5 = protocol === 5
  const { delaySeconds: willDelayInterval = willDelaySeconds } = will
  const sessionExpiryInterval = willDelayInterval + sessionOutlivesSeconds
  return {
    ...server,
    rejectUnauthorized: true,
    clientId,
    ...(username !== undefined && { username }),
    // Bytes, for text would be written out by mqtt-packet when DEBUG is set.
    ...(password !== undefined && { password: Buffer.from(password.reveal()) }),
    protocolVersion: protocol,
    clean: clean || !v5,
    keepalive: keepaliveSeconds,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // The same goes for mqtt.js, and it takes time for each packet.
    log: () => undefined,
    // It would fill a table of 65,536 small buffers first: a tenth of the start, and 20 MB for ever.
    writeCache: false,
    wsOptions: { maxPayload: mostGathered },
    will: {
      topic: will.topic,
      payload: Buffer.from(will.payload),
      qos: 1,
      retain,
      ...(v5 && { properties: { willDelayInterval, payloadFormatIndicator: true } }),
    },
    ...(v5 && { properties: { sessionExpiryInterval, receiveMaximum, maximumPacketSize } }),
  }
}

/**
 * Has mqtt.js accept every reason code that a broker may refuse with.
 *
 * Its parser knows, for each packet, the codes that the specification lists there, and ends the connection at any other
 * without naming what was refused. Mosquitto acknowledges a message above its `message_size_limit` with 0x95,
 * which the specification lists for DISCONNECT only.
 */
function acceptEveryRefusal(): void {
  const {
    MQTT5_PUBACK_PUBREC_CODES,
    MQTT5_SUBACK_CODES,
    MQTT5_UNSUBACK_CODES,
    MQTT5_DISCONNECT_CODES: named,
  } = protocolCodes
  for (const known of [MQTT5_PUBACK_PUBREC_CODES, MQTT5_SUBACK_CODES, MQTT5_UNSUBACK_CODES, named]) {
    for (let code = lowestRefusal; code <= highestCode; code++) known[code] ??= named[code] ?? 'Refused'
  }
}
