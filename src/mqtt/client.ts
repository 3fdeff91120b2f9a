/**
 * The way to the broker: connects for ever, publishes until acknowledged, remembers subscriptions.
 *
 * A broker that is away is normal. Every connection gets a new client; what was not acknowledged on
 * the old one is sent again in its order on the new one. Nobody has to ask for a retry, and only
 * `close` ends it.
 */
import { deadline } from '../domain/clock.ts'
import { DaemonError, PublishRefused } from '../domain/errors.ts'
import type { Publisher, Runtime } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import { allowSlowConnections, type Connection, type Ending, type Will } from './connection.ts'
import { blamesMessage, describe } from './connection-errors.ts'
import type { Protocol } from './protocol-version.ts'
import { type OutgoingMessage, PublishQueue } from './publish-queue.ts'
import { keepConnected } from './reconnect.ts'
import { readServer, type Server, type ServerOptions } from './server-options.ts'
import { type MessageListener, type SubscribeOptions, Subscriptions } from './subscriptions.ts'

export type { Incoming, Will } from './connection.ts'
export type { OutgoingMessage } from './publish-queue.ts'

export interface BrokerOptions extends Pick<Runtime, 'clock' | 'log'> {
  readonly server: ServerOptions
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly clientId: string
  /** When it is known what the broker speaks, as of the built-in one; else 5 is tried first. */
  readonly protocol?: Protocol | undefined
  /** Published by the broker when we are gone for longer than its delay; and by `close`. */
  readonly will: Will
  /** Whether another process may have held this client id until now, whose will is then not to be published. */
  readonly takesOver?: boolean | undefined
  /** The will's opposite, for the same topic; see `announce`. */
  readonly birth: string
}

export interface Session {
  readonly protocol: Protocol
}

export interface BrokerState {
  readonly connected: boolean
  /** Of the last connection that stood. */
  readonly protocol: Protocol | undefined
  /** When `connected` last changed, in milliseconds since the epoch. */
  readonly since: number
  /** Why there is no connection, or why the last one ended. */
  readonly lastError: string | undefined
  /** Connections after the first. */
  readonly reconnects: number
}

export interface Broker extends Publisher {
  readonly state: BrokerState
  publish(message: OutgoingMessage, signal: AbortSignal): Promise<void>
  /** Publishes the birth: call it last, when everything else of a new connection is published. */
  announce(signal: AbortSignal): Promise<void>
  /**
   * Calls back each time the connection stands, and at once when it already does; and an hour after the broker has
   * refused something, when everything may be published again. Returns what ends that.
   */
  onConnect(listener: (session: Session) => void): () => void
  /** Calls back at each change of `state`; returns what ends that. */
  onState(listener: (state: BrokerState) => void): () => void
  /** Remembered over all connections; returns what ends it. */
  subscribe(filter: string, listener: MessageListener, wish?: SubscribeOptions): () => void
  /** Resolves when the connection stands, perhaps at once. */
  connected(signal: AbortSignal): Promise<void>
  /**
   * Publishes the will's payload, disconnects and rejects what is left. Never hangs, never rejects.
   *
   * With `isFollowed` it only cuts the connection: the will waits out its delay, in which another process takes over.
   */
  close(options: CloseOptions): Promise<void>
}

export interface CloseOptions {
  readonly deadlineMs: number
  readonly isFollowed?: boolean
}

/** The connection was closed by ourselves. */
export class BrokerClosed extends DaemonError {
  readonly code = 'broker_closed'
}

/**
 * Starts to connect and returns at once; keeps at it for ever in the background.
 *
 * @throws ConfigInvalid when the URL or a TLS file cannot be used
 */
export function connectBroker(options: BrokerOptions): Broker {
  allowSlowConnections()
  return new ReconnectingBroker(options, readServer(options.server))
}

/** What no broker takes in a topic: wildcards, NUL, or nothing at all. */
const unusableTopic = /[+#\0]|^$/
const topicNameInvalid = 0x90
const longestTopicBytes = 65_535

class ReconnectingBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #queue: PublishQueue
  readonly #subscriptions = new Subscriptions()
  readonly #refusedFilters = new Set<string>()
  readonly #throttled: ThrottledLog
  /** Apart: a connection that lasts starts the other one afresh, and refusals stay throttled. */
  readonly #refused: ThrottledLog
  readonly #connectListeners = new Set<(session: Session) => void>()
  readonly #stateListeners = new Set<(state: BrokerState) => void>()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #connection: Connection | undefined
  #state: BrokerState
  #closing: Promise<void> | undefined

  constructor(options: BrokerOptions, server: Server) {
    this.#options = options
    this.#queue = new PublishQueue({ clock: options.clock, retry: () => this.#retryRefused() })
    this.#throttled = new ThrottledLog(options.clock, options.log)
    this.#refused = new ThrottledLog(options.clock, options.log)
    const since = options.clock.now()
    this.#state = { connected: false, protocol: undefined, since, lastError: undefined, reconnects: 0 }
    this.#running = keepConnected(
      { ...options, server, url: options.server.url, throttled: this.#throttled },
      {
        opened: (connection) => this.#opened(connection),
        message: (message) => this.#subscriptions.dispatch(message),
        lost: (ending) => this.#lost(ending),
        failed: (lastError) => this.#change({ lastError }),
      },
      this.#stop.signal,
    )
  }

  get state(): BrokerState {
    return this.#state
  }

  publish(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    if (this.#closing) return Promise.reject(closed())
    if (unusableTopic.test(message.topic) || Buffer.byteLength(message.topic) > longestTopicBytes) {
      return Promise.reject(
        new PublishRefused('the topic is empty, too long or a wildcard', topicNameInvalid),
      )
    }
    return this.#queue.publish(message, signal)
  }

  announce(signal: AbortSignal): Promise<void> {
    return this.publish(
      { topic: this.#options.will.topic, payload: this.#options.birth, retain: true },
      signal,
    )
  }

  onConnect(listener: (session: Session) => void): () => void {
    this.#connectListeners.add(listener)
    const { connected, protocol } = this.#state
    if (connected && protocol) listener({ protocol })
    return () => this.#connectListeners.delete(listener)
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#stateListeners.add(listener)
    return () => this.#stateListeners.delete(listener)
  }

  subscribe(filter: string, listener: MessageListener, wish: SubscribeOptions = {}): () => void {
    const isNew = this.#subscriptions.add(filter, listener, wish)
    if (isNew && this.#state.connected) this.#requestSubscription(filter, wish)
    return () => {
      if (!this.#subscriptions.remove(filter, listener)) return
      this.#queue.unsubscribe(filter)
      this.#refusedFilters.delete(filter)
      if (this.#state.connected) this.#connection?.unsubscribe(filter)
    }
  }

  async connected(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const over = new AbortController()
    const signals = [signal, this.#stop.signal]
    for (const each of signals) each.addEventListener('abort', () => resolve(), { signal: over.signal })
    const unlisten = this.onState(({ connected }) => connected && resolve())
    if (!this.#state.connected && !signals.some((each) => each.aborted)) await promise
    unlisten()
    over.abort()
    signal.throwIfAborted()
    if (this.#closing) throw closed()
  }

  close(options: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close({ deadlineMs, isFollowed = false }: CloseOptions): Promise<void> {
    const { topic, payload } = this.#options.will
    const limit = deadline(this.#options.clock, deadlineMs)
    this.#stop.abort()
    if (this.#state.connected && !isFollowed) {
      // The last word: whoever closes has aborted what else was waiting.
      const offline = this.#queue.publish({ topic, payload, retain: true }, limit.signal)
      const wasPublished = await offline.then(
        () => true,
        () => false,
      )
      if (wasPublished) await this.#connection?.leave(limit.signal)
    }
    this.#connection?.cut()
    this.#queue.abandon(closed())
    limit.done()
    await this.#running
  }

  #opened(connection: Connection): void {
    const { protocol } = connection
    this.#connection = connection
    this.#refusedFilters.clear()
    // The first to be asked for is the last to be put before the rest.
    for (const [filter, wish] of [...this.#subscriptions.filters].toReversed())
      this.#requestSubscription(filter, wish)
    this.#queue.opened(connection)
    const reconnects = this.#state.reconnects + (this.#state.protocol === undefined ? 0 : 1)
    this.#change({ connected: true, protocol, lastError: undefined, reconnects })
    for (const listener of [...this.#connectListeners]) listener({ protocol })
  }

  #requestSubscription(filter: string, wish: SubscribeOptions): void {
    this.#queue.subscribe(filter, wish, ({ message, reasonCode }) => {
      this.#refusedFilters.add(filter)
      const remedy = 'Let this user read the topic on the broker.'
      const fields = { filter, reason_code: reasonCode, reason: `${filter}: ${message}`, remedy }
      this.#refused.log('warn', fields, 'broker refuses a subscription', { kind: filter })
    })
  }

  /** An hour has passed since something was refused. */
  #retryRefused(): void {
    const { connected, protocol } = this.#state
    if (!connected || !protocol) return
    for (const [filter, wish] of this.#subscriptions.filters) {
      if (this.#refusedFilters.delete(filter)) this.#requestSubscription(filter, wish)
    }
    for (const listener of [...this.#connectListeners]) listener({ protocol })
  }

  #lost(ending: Ending): boolean {
    this.#connection = undefined
    const { kind, reasonCode, answered } = ending
    const certain = kind === 'disconnected' && blamesMessage(reasonCode)
    const blame = certain ? 'certain' : kind === 'closed' ? 'possible' : 'none'
    const explained = this.#queue.lost({ blame, reasonCode, answered })
    // There will be no other connection, so nobody needs to wait for one.
    if (this.#stop.signal.aborted) this.#queue.abandon(closed())
    this.#change({ connected: false, lastError: describe(ending) })
    return explained
  }

  #change(change: Partial<BrokerState>): void {
    const before = this.#state
    const turned = change.connected !== undefined && change.connected !== before.connected
    this.#state = { ...before, ...change, ...(turned && { since: this.#options.clock.now() }) }
    if (!turned && this.#state.lastError === before.lastError) return
    for (const listener of [...this.#stateListeners]) listener(this.#state)
  }
}

function closed(): BrokerClosed {
  return new BrokerClosed('the way to the broker is closed')
}
