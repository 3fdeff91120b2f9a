/**
 * The broker of the settings and the topics on it: a broker of the user's, or the built-in one, which is loaded only
 * where it is wanted.
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import { type Broker, connectBroker } from '../mqtt/client.ts'
import { type LogRefusal, refusalLogger } from '../mqtt/refusals.ts'
import { offline, online } from './retained.ts'
import { type Topics, topicsBelow } from './topics.ts'

export interface OpenNeeds {
  readonly mqtt: Settings['mqtt']
  /** Used where the settings do not name a client id. */
  readonly installId: string
  readonly clock: Clock
  readonly log: Log
}

export interface OpenedBroker {
  readonly broker: Broker
  readonly topics: Topics
  /** Logs what the broker refuses. */
  readonly refused: LogRefusal
  /** Where the built-in broker listens. */
  readonly port: number | undefined
  /** Publishes the will's payload and ends. */
  close(): Promise<void>
}

/** How long leaving a broker may take. */
const leaveMs = 1_500

/**
 * Starts to connect.
 *
 * @throws ConfigInvalid when the settings cannot be used or the built-in broker cannot listen
 */
export async function openBroker({ mqtt, installId, clock, log }: OpenNeeds): Promise<OpenedBroker> {
  const { ca, cert, key, username, password, listen } = mqtt
  const topics = topicsBelow(mqtt.baseTopic)
  const embedded = mqtt.url === 'embedded' ? await embed() : undefined
  const broker = connectBroker({
    ...(embedded ? { url: embedded.url, protocol: embedded.protocol } : { url: mqtt.url, ca, cert, key }),
    username,
    password,
    // At most 23 letters and digits: a broker need take no others.
    clientId: mqtt.clientId ?? `blinkmanifestd${installId}`,
    will: { topic: topics.bridgeState, payload: offline },
    birth: online,
    clock,
    log,
  })
  return {
    broker,
    topics,
    refused: refusalLogger(clock, log),
    port: embedded?.port,
    async close() {
      await broker.close({ deadlineMs: leaveMs })
      await embedded?.close()
    },
  }

  async function embed() {
    const { startEmbeddedBroker } = await import('../mqtt/embedded.ts')
    return startEmbeddedBroker({ host: listen.host, port: listen.port, username, password, log })
  }
}
