/**
 * The built-in broker, for trying things out and for homes without one; the only importer of aedes.
 *
 * It speaks MQTT 3.1 and 3.1.1 and refuses 5 with the proper answer. Retained messages live in memory: everyone
 * who publishes state publishes it again on connecting. A client's session ends with its connection whatever
 * the client asked for, because nothing would bound a queue for one that never returns.
 *
 * A hostile client may waste its own connection, not the daemon's memory or life: packets, waiting and the number of
 * connections are limited, so is what is retained, and a subscriber that does not read is thrown out before it holds up
 * the others.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, isIPv6, type Server, type Socket } from 'node:net'
import { Aedes, type AuthErrorCode, type AuthenticateError } from 'aedes'
import { listenProblem } from '../domain/addresses.ts'
import { systemClock } from '../domain/clock.ts'
import { ConfigInvalid } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import { limitFrames } from './packets.ts'

export interface EmbeddedBrokerOptions {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** With either of these, clients must send both as they are here. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly log: Log
}

export interface EmbeddedBroker {
  readonly host: string
  readonly port: number
  /** For a client on this machine. */
  readonly url: string
  readonly protocol: 4
  /** Ends all clients and stops listening. */
  close(): Promise<void>
}

const largestPacketBytes = 1024 * 1024
const connectTimeoutMs = 10_000
/** While a subscriber does not take what it is sent, publishing waits for it. */
const drainTimeoutMs = 5_000
const mostConnections = 1_000
/** Of a topic in the log. */
const longestTopic = 200
const badLogin: AuthErrorCode.BAD_USERNAME_OR_PASSWORD = 4

/** @throws ConfigInvalid when the address cannot be listened on */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { host, log } = options
  const sockets = new Set<Socket>()
  const retained = new RetainedLimit()
  const throttled = new ThrottledLog(systemClock, log)
  const broker = await Aedes.createBroker({
    connectTimeout: connectTimeoutMs,
    drainTimeout: drainTimeoutMs,
    preConnect(_client, packet, done) {
      packet.clean = true
      done(null, true)
    },
    authenticate: authenticator(options),
    authorizePublish(client, packet, done) {
      if (packet.retain && !retained.accepts(packet.topic, packet.payload.length)) {
        packet.retain = false
        const remedy = 'Clear retained messages that nobody needs, or use a broker of its own (mqtt.url).'
        const fields = { clientId: client?.id, topic: packet.topic.slice(0, longestTopic), remedy }
        throttled.log('warn', fields, 'built-in broker retains no more messages')
      }
      done(null)
    },
  })
  broker.on('connectionError', (_client, error) =>
    log.debug({ reason: error.message }, 'MQTT client refused'),
  )
  broker.on('clientError', (client, error) => {
    log.debug({ clientId: client.id, reason: error.message }, 'MQTT client failed')
  })

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    limitFrames(socket, largestPacketBytes)
    limitWaiting(socket)
    broker.handle(socket)
  })
  server.maxConnections = mostConnections

  const closeBroker = () => new Promise<void>((resolve) => broker.close(resolve))
  const port = await listen(server, options).catch(async (error: unknown) => {
    await closeBroker()
    throw error
  })
  // A connection that cannot be accepted, for want of file descriptors for instance, is no reason to stop.
  server.on('error', (error) =>
    log.warn({ reason: error.message }, 'built-in broker cannot accept a connection'),
  )
  const open = options.username === undefined && options.password === undefined
  log.info({ host, port, login: !open }, 'built-in broker listening')
  return {
    host,
    port,
    url: urlFor(host, port),
    protocol: 4,
    close: () => close(server, sockets, closeBroker),
  }
}

async function close(server: Server, sockets: Set<Socket>, closeBroker: () => Promise<void>): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  await closeBroker()
  // Clients that have not sent CONNECT yet are unknown to the broker.
  for (const socket of sockets) socket.destroy()
  await closed
}

async function listen(server: Server, { host, port }: EmbeddedBrokerOptions): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const another = 'another MQTT broker, Mosquitto for instance, may be running'
    const message = listenProblem(
      cause,
      { host, port },
      `${another}: set mqtt.url to use that one, or choose another port`,
    )
    throw new ConfigInvalid([{ place: 'mqtt.listen', message }], { cause })
  }
  const address = server.address()
  return address !== null && typeof address !== 'string' ? address.port : port
}

type Authenticate = NonNullable<NonNullable<Parameters<typeof Aedes.createBroker>[0]>['authenticate']>

function authenticator({ username, password }: EmbeddedBrokerOptions): Authenticate {
  if (username === undefined && password === undefined)
    return (_client, _name, _word, done) => done(null, true)
  const wanted = digest(username ?? '', password?.reveal() ?? '')
  return (_client, name, word, done) => {
    if (timingSafeEqual(digest(name ?? '', word ?? ''), wanted)) return done(null, true)
    const error: AuthenticateError = Object.assign(new Error('wrong name or password'), {
      returnCode: badLogin,
    })
    done(error, false)
  }
}

/** Of both together, so that a comparison takes the same time however much of a guess is right. */
function digest(name: string, word: string | Uint8Array): Buffer {
  const hash = createHash('sha256').update(createHash('sha256').update(name).digest())
  return hash.update(word).digest()
}

function urlFor(host: string, port: number): string {
  if (host === '0.0.0.0') return `mqtt://127.0.0.1:${port}`
  if (host === '::') return `mqtt://[::1]:${port}`
  return `mqtt://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/** A home has a few hundred retained messages, a fleet of ten thousand modules sixty thousand of 500 bytes. */
const mostRetained = 100_000
const mostRetainedBytes = 64 * 1024 * 1024
/** What may wait for a client that reads slowly; the largest message has 1 MB. */
const mostWaitingBytes = 16 * 1024 * 1024

/** Keeps count of what is retained. */
class RetainedLimit {
  readonly #bytes = new Map<string, number>()
  #total = 0

  /** Whether a retained message may be kept; an empty one clears and always may. */
  accepts(topic: string, payloadBytes: number): boolean {
    const before = this.#bytes.get(topic)
    const after = payloadBytes === 0 ? 0 : Buffer.byteLength(topic) + payloadBytes
    const total = this.#total - (before ?? 0) + after
    const isTooMuch = total > mostRetainedBytes || (before === undefined && this.#bytes.size >= mostRetained)
    if (after > 0 && isTooMuch) return false
    this.#total = total
    if (after === 0) this.#bytes.delete(topic)
    else this.#bytes.set(topic, after)
    return true
  }
}

/** Cuts `socket` off when more waits for its reader than it may. */
function limitWaiting(socket: Socket): void {
  const write: unknown = socket.write
  socket.write = (...args: unknown[]): boolean => {
    if (socket.writableLength > mostWaitingBytes) {
      socket.destroy(new Error(`more than ${mostWaitingBytes} bytes wait for this client to read`))
      return false
    }
    return typeof write === 'function' && Reflect.apply(write, socket, args) === true
  }
}
