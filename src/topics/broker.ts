/**
 * The broker of the settings and the topics on it: a broker of the user's, or the built-in one, which is loaded only
 * where it is wanted.
 */
import { hash } from 'node:crypto'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import { type Broker, connectBroker, type Will } from '../mqtt/client.ts'
import { type LogRefusal, refusalLogger } from '../mqtt/refusals.ts'
import { offline, online } from './retained.ts'
import { type Topics, topicsBelow } from './topics.ts'

export interface OpenNeeds {
  readonly mqtt: Settings['mqtt']
  /** Used where the settings do not name a client id. */
  readonly installId: string
  /** One of several daemons by its name, or their bridge; absent for a daemon by itself. */
  readonly role?: BrokerRole | undefined
  readonly clock: Clock
  readonly log: Log
}

export type BrokerRole = { readonly kind: 'instance'; readonly name: string } | { readonly kind: 'bridge' }

export interface OpenedBroker {
  readonly broker: Broker
  readonly topics: Topics
  /** Logs what the broker refuses. */
  readonly refused: LogRefusal
  /** Where the built-in broker listens. */
  readonly port: number | undefined
  /** Publishes the will's payload and ends; where another instance follows, it leaves `online` to that one. */
  close(options?: { readonly isFollowed: boolean }): Promise<void>
}

/** How long leaving a broker may take. */
const leaveMs = 1_500
/** Longer than another instance needs to take the bridge over. */
const takeoverSeconds = 60

/**
 * Starts to connect.
 *
 * @throws ConfigInvalid when the settings cannot be used or the built-in broker cannot listen
 */
export async function openBroker({ mqtt, installId, role, clock, log }: OpenNeeds): Promise<OpenedBroker> {
  const { username, password, listen } = mqtt
  const topics = topicsBelow(mqtt.baseTopic)
  const embedded = mqtt.url === 'embedded' ? await embed() : undefined
  const broker = connectBroker({
    server: embedded ?? mqtt,
    protocol: embedded?.protocol,
    username,
    password,
    clientId: clientIdOf(mqtt.clientId, installId, role),
    will: willOf(topics, role),
    takesOver: role?.kind === 'bridge',
    birth: online,
    clock,
    log,
  })
  return {
    broker,
    topics,
    refused: refusalLogger(clock, log),
    port: embedded?.port,
    async close({ isFollowed } = { isFollowed: false }) {
      await broker.close({ deadlineMs: leaveMs, isFollowed })
      await embedded?.close()
    },
  }

  async function embed() {
    const { startEmbeddedBroker } = await import('../mqtt/embedded.ts')
    return startEmbeddedBroker({ host: listen.host, port: listen.port, username, password, log })
  }
}

/** At most 23 letters and digits, where the settings name none: a broker need take no others. */
function clientIdOf(named: string | undefined, installId: string, role: BrokerRole | undefined): string {
  if (role?.kind !== 'instance') return named ?? `blinkmanifestd${installId}`
  // The same settings may be in use at every instance.
  const digits = hash('sha256', role.name, 'hex').slice(0, 8)
  return named === undefined ? `bmf${installId}${digits}` : `${named}${digits}`
}

function willOf(topics: Topics, role: BrokerRole | undefined): Will {
  if (role?.kind === 'instance') return { topic: topics.instanceState(role.name), payload: offline }
  const will = { topic: topics.bridgeState, payload: offline }
  return role ? { ...will, delaySeconds: takeoverSeconds } : will
}
