/**
 * A broker in the test's hand: it answers as a good one would, except where the test says otherwise.
 *
 * It keeps what it was sent, and can do what no real broker does on demand: refuse, stay silent, hang up.
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

interface Properties {
  readonly messageExpiryInterval?: number
  readonly receiveMaximum?: number
  readonly maximumPacketSize?: number
  readonly retainAvailable?: boolean
  readonly maximumQoS?: number
  readonly sessionExpiryInterval?: number
  readonly responseTopic?: string
}

/** A packet as mqtt-packet reads and writes it. */
export interface Packet {
  readonly cmd: string
  readonly messageId?: number
  readonly topic?: string
  readonly payload?: Uint8Array | string
  readonly retain?: boolean
  readonly qos?: number
  readonly clean?: boolean
  readonly clientId?: string
  readonly protocolVersion?: number
  readonly username?: string
  readonly password?: Uint8Array
  readonly reasonCode?: number
  readonly returnCode?: number
  readonly sessionPresent?: boolean
  readonly granted?: readonly number[]
  readonly subscriptions?: readonly { readonly topic: string }[]
  readonly properties?: Properties
  readonly will?: { readonly retain?: boolean }
}

export interface Session {
  /** Which connection this is, from 1. */
  readonly number: number
  readonly connect: Packet
  readonly version: number
  /** In the version the client asked for, unless told. */
  send(packet: Packet, version?: number): void
  /** Whatever it may be. */
  sendBytes(bytes: Uint8Array): void
  /** Ends the connection in an orderly way, without a word. */
  hangUp(): void
}

/** Each may do the whole answer; returning true says that it did. */
export interface Behaviour {
  connect?(session: Session): boolean | undefined
  publish?(session: Session, packet: Packet): boolean | undefined
  subscribe?(session: Session, packet: Packet): boolean | undefined
}

export interface FakeBroker extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly sessions: readonly Session[]
  /** All PUBLISH packets, of all connections. */
  readonly published: readonly Packet[]
  /** DISCONNECT packets of clients. */
  readonly goodbyes: readonly Packet[]
  /** All filters asked for, of all connections. */
  readonly subscribed: readonly string[]
  /** Ids of PUBACK packets, of all connections. */
  readonly acknowledged: readonly number[]
  readonly openSockets: number
  behave(behaviour: Behaviour): void
}

interface PacketCodec {
  parser(): {
    on(event: 'packet' | 'error', listener: (value: Packet) => void): void
    parse(data: Uint8Array): void
  }
  generate(packet: Packet, options: { protocolVersion: number }): Uint8Array
}

// The codec of mqtt.js itself: no dependency of ours, so it is found from there.
const codec = createRequire(createRequire(import.meta.url).resolve('mqtt'))('mqtt-packet') as PacketCodec

/** A packet of MQTT 3.1.1 as bytes. */
export function packetBytes(packet: object): Uint8Array {
  return codec.generate(packet as Packet, { protocolVersion: 4 })
}

export async function fakeBroker(behaviour: Behaviour = {}): Promise<FakeBroker> {
  const sockets = new Set<Socket>()
  const sessions: Session[] = []
  const published: Packet[] = []
  const goodbyes: Packet[] = []
  const subscribed: string[] = []
  const acknowledged: number[] = []
  let rules = behaviour

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    let session: Session | undefined
    const parser = codec.parser()
    parser.on('error', () => socket.destroy())
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        session = makeSession(socket, sessions.length + 1, packet)
        sessions.push(session)
        if (!rules.connect?.(session))
          session.send({ cmd: 'connack', sessionPresent: false, ...accepted(session) })
      } else if (session) answer(session, packet)
    })
    socket.on('data', (data: Buffer) => parser.parse(data))
  })

  const answer = (session: Session, packet: Packet) => {
    const id = packet.messageId === undefined ? {} : { messageId: packet.messageId }
    if (packet.cmd === 'publish') {
      published.push(packet)
      if (!rules.publish?.(session, packet)) session.send({ cmd: 'puback', ...id })
    } else if (packet.cmd === 'subscribe') {
      subscribed.push(...(packet.subscriptions ?? []).map(({ topic }) => topic))
      if (rules.subscribe?.(session, packet)) return
      session.send({ cmd: 'suback', ...id, granted: packet.subscriptions?.map(() => 1) ?? [] })
    } else if (packet.cmd === 'unsubscribe') session.send({ cmd: 'unsuback', ...id, granted: [0] })
    else if (packet.cmd === 'puback') acknowledged.push(packet.messageId ?? 0)
    else if (packet.cmd === 'pingreq') session.send({ cmd: 'pingresp' })
    else if (packet.cmd === 'disconnect') {
      goodbyes.push(packet)
      session.hangUp()
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    sessions,
    published,
    goodbyes,
    subscribed,
    acknowledged,
    get openSockets() {
      return sockets.size
    },
    behave(next) {
      rules = next
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

function makeSession(socket: Duplex, number: number, connect: Packet): Session {
  const version = connect.protocolVersion ?? 4
  return {
    number,
    connect,
    version,
    send(packet, protocolVersion = version) {
      if (socket.writable) socket.write(codec.generate(packet, { protocolVersion }))
    },
    sendBytes: (bytes) => void (socket.writable && socket.write(bytes)),
    hangUp: () => socket.end(),
  }
}

function accepted({ version }: Session): Partial<Packet> {
  return version === 5 ? { reasonCode: 0, properties: {} } : { returnCode: 0 }
}
