/**
 * A subscriber that writes down everything: what came on which topic, retained or not, with which properties.
 *
 * Every message of the daemon is checked against the contract, and a violation fails the test at its end: disposal throws.
 */
import { connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt'
import { violations } from './contract.ts'

export interface Seen {
  readonly topic: string
  readonly payload: string
  /** As it was published; under MQTT 3.1.1 only on what the broker had kept before we subscribed. */
  readonly retained: boolean
  readonly qos: number
  readonly properties: IPublishPacket['properties']
}

export interface Observer extends AsyncDisposable {
  /** In the order of arrival. */
  readonly seen: readonly Seen[]
  /** The messages of topics that end so. */
  on(ending: string): readonly Seen[]
  /** The newest payload of a topic; empty when it was cleared. */
  latest(topic: string): string | undefined
  publish(topic: string, payload: string, retain?: boolean): Promise<void>
  /** Takes this message for one of the test, published by another client: the contract does not bind it. */
  except(topic: string, payload: string): void
}

/** Subscribes to everything at a broker. */
export async function observe(
  url: string,
  protocolVersion: 4 | 5 = 5,
  login: Pick<IClientOptions, 'username' | 'password' | 'ca'> = {},
): Promise<Observer> {
  const seen: Seen[] = []
  const ours = new Set<string>()
  const wrong = new Set<string>()
  const base = 'blink-manifestd'
  const client = await connectAsync(url, { protocolVersion, reconnectPeriod: 100, ...login })
  client.on('message', (topic, payload, packet) => {
    const { retain: retained, qos, properties } = packet
    const text = payload.toString('utf8')
    seen.push({ topic, payload: text, retained, qos, properties })
    if (ours.has(`${topic} ${text}`)) return
    const published = { topic, payload: text, retain: retained, qos, properties }
    for (const violation of violations(published, { base, protocolVersion })) wrong.add(violation)
  })
  await client.subscribeAsync('#', { qos: 1, rap: protocolVersion === 5 })
  const except = (topic: string, payload: string) => void ours.add(`${topic} ${payload}`)
  return {
    seen,
    except,
    on: (ending) => seen.filter(({ topic }) => topic.endsWith(ending)),
    latest: (topic) => seen.findLast((one) => one.topic === topic)?.payload,
    async publish(topic, payload, retain = false) {
      except(topic, payload)
      await client.publishAsync(topic, payload, { qos: 1, retain })
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true)
      if (wrong.size > 0) throw new Error(`messages against the contract:\n${[...wrong].join('\n')}`)
    },
  }
}
