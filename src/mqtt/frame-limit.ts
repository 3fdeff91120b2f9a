/**
 * Refuses MQTT packets by their announced length, before they are gathered in memory.
 *
 * Neither the built-in broker nor mqtt.js has such a limit of its own: they keep what arrives until a packet is
 * complete, and a packet may announce 256 MB.
 */
import type { Socket } from 'node:net'

/** Reads the lengths out of a stream of packets that comes in any pieces. */
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
