/** The contract as an AsyncAPI 3.0 document. */
import { type Channel, channels } from '../src/topics/channels.ts'
import { examples, texts } from './examples.ts'
import { documents, isOpen, jsonSchema } from './json-schemas.ts'

const bindingVersion = '0.2.0'
const base = 'blink-manifestd'
const usualTtlSeconds = 600

const parameters: Readonly<Record<string, object>> = {
  base: { description: 'The setting `mqtt.baseTopic`.', default: base },
  account_id: { description: "Blink's id of the account.", examples: ['8021'] },
  network_id: { description: "Blink's id of the network.", examples: ['44107'] },
  sync_module_id: { description: "Blink's id of the sync module.", examples: ['350221'] },
  name: { description: 'What an instance is called: `fleet.instance`.' },
  camera: {
    description: "The camera's id, or `unknown/` and 8 digits of a hash of its name.",
    examples: ['610003'],
  },
  verb: { description: 'The last levels of the topic that the command came on.', examples: ['dance'] },
}

const ref = (...path: readonly string[]) => ({ $ref: `#/${path.join('/')}` })

export function asyncApi(): object {
  const entries = Object.entries(channels)
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'blink-manifestd',
      version: '1',
      description: [
        'Requests a local-storage manifest of every Blink sync module on a schedule and publishes each request ID.',
        'The version is the `schema` of the documents: additional keys do not raise it, so ignore keys you do not know.',
        'An empty retained message clears a topic. Under MQTT 3.1.1 there are no properties and no expiry.',
      ].join('\n'),
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      broker: {
        host: '127.0.0.1:1883',
        protocol: 'mqtt',
        protocolVersion: '5.0',
        description: 'The broker of the setting `mqtt.url`. MQTT 3.1.1 where it refuses MQTT 5.',
        bindings: {
          mqtt: {
            lastWill: { topic: `${base}/bridge/state`, qos: 1, message: 'offline', retain: true },
            bindingVersion,
          },
        },
      },
    },
    channels: Object.fromEntries(entries.map(([id, channel]) => [id, channelOf(id, channel)])),
    operations: Object.fromEntries(
      entries.map(([id, channel]) => [operationId(id, channel), operationOf(id, channel)]),
    ),
    components: {
      messages: Object.fromEntries(entries.map(([id, channel]) => [id, messageOf(id, channel)])),
      schemas: Object.fromEntries(
        Object.values(channels).flatMap(({ payload }) => {
          const name = nameOf(payload)
          return name === undefined ? [] : [[name, withoutDialect(payload, isOpen(name))]]
        }),
      ),
      parameters,
    },
  }
}

function channelOf(id: string, { address, summary }: Channel): object {
  const full = `{base}/${address}`
  const names = [...full.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => name ?? [])
  return {
    address: full,
    description: summary,
    parameters: Object.fromEntries(names.map((name) => [name, ref('components', 'parameters', name)])),
    messages: { [id]: ref('components', 'messages', id) },
  }
}

function operationId(id: string, { kind }: Channel): string {
  const name = `${id[0]?.toUpperCase()}${id.slice(1)}`
  return kind === 'command' ? `on${name}` : `publish${name}`
}

/** From the daemon's point of view, as AsyncAPI wants it: what it sends, and what it receives. */
function operationOf(id: string, { kind, summary, expiry, response }: Channel): object {
  return {
    action: kind === 'command' ? 'receive' : 'send',
    channel: ref('channels', id),
    summary,
    messages: [ref('channels', id, 'messages', id)],
    ...(response !== undefined && {
      reply: {
        address: {
          description: 'The response topic of MQTT 5, if it lies below `{base}/`; besides the channel below.',
          location: '$message.header#/responseTopic',
        },
        channel: ref('channels', response),
        messages: [ref('channels', response, 'messages', response)],
      },
    }),
    bindings: {
      mqtt: {
        qos: 1,
        retain: kind === 'state',
        ...(expiry !== undefined && { messageExpiryInterval: expirySchema(expiry) }),
        bindingVersion,
      },
    },
  }
}

function expirySchema(expiry: number | 'ttl'): number | object {
  if (expiry !== 'ttl') return expiry
  const description = 'Seconds left of the request ID, at most the setting `request.ttlSeconds`.'
  return { type: 'integer', minimum: 1, default: usualTtlSeconds, description }
}

function messageOf(id: string, channel: Channel): object {
  const { summary, format, payload, kind } = channel
  const name = nameOf(payload)
  const isOurs = kind !== 'command'
  const contentType = format === 'json' ? 'application/json' : 'text/plain'
  return {
    name: id,
    summary,
    contentType,
    ...(isOurs && format === 'json' && { headers: userProperties(channel) }),
    payload: name === undefined ? withoutDialect(payload, true) : ref('components', 'schemas', name),
    bindings: {
      mqtt: {
        ...(isOurs && { payloadFormatIndicator: 1 }),
        ...(isOurs && format === 'json' && { contentType }),
        bindingVersion,
      },
    },
    examples: examplesOf(id, channel).map((example) => ({ payload: example })),
  }
}

/** What stands in a channel's documentation as its examples. */
export function examplesOf(id: string, { payload, format }: Channel): readonly unknown[] {
  const name = nameOf(payload)
  const found = format === 'text' ? texts[id] : name === undefined ? undefined : examples[name]
  if (!found) throw new Error(`no example of ${id}`)
  return found
}

/** MQTT 5 has user properties where AsyncAPI has headers. */
function userProperties({ kind }: Channel): object {
  return {
    type: 'object',
    description: 'User properties of MQTT 5.',
    properties: {
      schema: { type: 'string', const: '1' },
      ...(kind === 'event' && { event_id: { type: 'string', format: 'uuid' } }),
    },
  }
}

function nameOf(payload: Channel['payload']): string | undefined {
  return Object.keys(documents).find((name) => documents[name] === payload)
}

/** AsyncAPI's own schemas are a superset of draft 7, and say so nowhere. */
function withoutDialect(payload: Channel['payload'], open: boolean): object {
  const { $schema: _, ...rest } = jsonSchema(payload, { target: 'draft-7', open }) as {
    readonly $schema?: string
  }
  return rest
}
