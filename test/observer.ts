/**
 * A subscriber that writes down everything: what came on which topic, retained or not, with which properties.
 */
import { connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt'

export interface Seen {
  readonly topic: string
  readonly payload: string
  /** Set by the broker on what it had kept before we subscribed. */
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
}

/** Subscribes to everything at a broker. */
export async function observe(
  url: string,
  protocolVersion: 4 | 5 = 5,
  login: Pick<IClientOptions, 'username' | 'password' | 'ca'> = {},
): Promise<Observer> {
  const seen: Seen[] = []
  const client = await connectAsync(url, { protocolVersion, reconnectPeriod: 100, ...login })
  client.on('message', (topic, payload, packet) => {
    const { retain: retained, qos, properties } = packet
    seen.push({ topic, payload: payload.toString('utf8'), retained, qos, properties })
  })
  await client.subscribeAsync('#', { qos: 1 })
  return {
    seen,
    on: (ending) => seen.filter(({ topic }) => topic.endsWith(ending)),
    latest: (topic) => seen.findLast((one) => one.topic === topic)?.payload,
    async publish(topic, payload, retain = false) {
      await client.publishAsync(topic, payload, { qos: 1, retain })
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true)
    },
  }
}
