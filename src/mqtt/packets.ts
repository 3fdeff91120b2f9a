/**
 * What of MQTT packets mqtt.js leaves to us: their properties and size, acknowledging what came in, and a limit.
 */
import type { Socket } from 'node:net'
import type { OutgoingMessage } from './publish-queue.ts'

/** The properties as mqtt.js takes them. */
export interface PublishProperties {
  payloadFormatIndicator: true
  contentType?: string
  messageExpiryInterval?: number
  userProperties?: Record<string, string>
  correlationData?: Buffer
}

export function publishProperties(message: OutgoingMessage): PublishProperties {
  const { json, expirySeconds, userProperties, correlationData } = message
  return {
    payloadFormatIndicator: true,
    ...(json && { contentType: 'application/json' }),
    ...(expirySeconds !== undefined && { messageExpiryInterval: expirySeconds }),
    ...(userProperties && { userProperties: { ...userProperties } }),
    ...(correlationData && { correlationData: Buffer.from(correlationData) }),
  }
}

/** The largest size the PUBLISH packet can have, in bytes; never too small. */
export function packetSize(message: OutgoingMessage, properties: PublishProperties | undefined): number {
  // Type and length: 5. Packet id: 2. Length of the properties: 4. Format indicator: 2. Expiry: 5.
  let bytes = 18 + text(message.topic) + Buffer.byteLength(message.payload)
  if (properties?.contentType !== undefined) bytes += 1 + text(properties.contentType)
  if (properties?.correlationData) bytes += 3 + properties.correlationData.length
  for (const [name, value] of Object.entries(properties?.userProperties ?? {})) {
    bytes += 1 + text(name) + text(value)
  }
  return bytes
}

/** Text is sent with its length before it. */
function text(value: string): number {
  return 2 + Buffer.byteLength(value)
}

/** A PUBACK without a reason, which is the same in all versions of MQTT. */
export function puback(id: number): Uint8Array {
  return Uint8Array.of(0x40, 2, id >> 8, id & 0xff)
}

interface Received {
  readonly id: number
  taken: boolean
}

/**
 * Calls `send` with the ids of what has been taken, in the order in which it came, as MQTT wants it.
 *
 * A broker sends no more than it was allowed to have unacknowledged, and keeps the rest: this is how a flood is held
 * back where there is room for it.
 *
 * @returns what is to be called with each id, and with what it waits for, if anything
 */
export function inOrder(
  send: (ids: readonly number[]) => void,
): (id: number, taken: Promise<unknown> | undefined) => void {
  const received: Received[] = []

  function flush(): void {
    const open = received.findIndex(({ taken }) => !taken)
    const ready = received.splice(0, open === -1 ? received.length : open)
    if (ready.length > 0) send(ready.map(({ id }) => id))
  }

  return (id, taken) => {
    const one = { id, taken: taken === undefined }
    received.push(one)
    const done = () => {
      one.taken = true
      flush()
    }
    if (taken) taken.then(done, done)
    else flush()
  }
}

/**
 * Refuses MQTT packets by their announced length, before they are gathered in memory.
 *
 * Neither the built-in broker nor mqtt.js has such a limit of its own: they keep what arrives until a packet is
 * complete, and a packet may announce 256 MB. The stream may come in any pieces.
 */
export class FrameLimit {
  readonly #mostBytes: number
  /** Bytes of the present packet's body that are still to come. */
  #body = 0
  /** Bytes of the present packet's head that were read: its type, then up to four of its length. */
  #head = 0
  #length = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** False as soon as a packet announces more than allowed, or a length that is none. */
  accepts(chunk: Uint8Array): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#body > 0) {
        const skipped = Math.min(this.#body, chunk.length - at)
        this.#body -= skipped
        at += skipped
        continue
      }
      const byte = chunk[at++] ?? 0
      if (this.#head++ === 0) continue
      // Seven bits a byte, lowest first; the eighth says that more follow.
      this.#length += (byte & 0x7f) * 0x80 ** (this.#head - 2)
      if (this.#length > this.#mostBytes) return false
      if (byte & 0x80) {
        if (this.#head === 5) return false
        continue
      }
      this.#body = this.#length
      this.#length = 0
      this.#head = 0
    }
    return true
  }
}

/** Cuts `socket` off when a packet is too large; whoever reads from it sees only what was accepted. */
export function limitFrames(socket: Socket, mostBytes: number): void {
  const limit = new FrameLimit(mostBytes)
  const read = socket.read.bind(socket)
  socket.read = (size) => {
    const chunk: unknown = read(size)
    if (!(chunk instanceof Uint8Array) || limit.accepts(chunk)) return chunk
    socket.destroy(new Error('packet too large'))
    return null
  }
}
