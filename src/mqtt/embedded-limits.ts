/**
 * What the built-in broker keeps in memory for its clients, and no more: aedes has no limit of its own for either.
 */
import type { Socket } from 'node:net'

/** A home has a few hundred retained messages, a fleet of ten thousand modules sixty thousand of 500 bytes. */
const mostRetained = 100_000
const mostRetainedBytes = 64 * 1024 * 1024
/** What may wait for a client that reads slowly; the largest message has 1 MB. */
const mostWaitingBytes = 16 * 1024 * 1024

/** Keeps count of what is retained. */
export class RetainedLimit {
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
export function limitWaiting(socket: Socket): void {
  const write: unknown = socket.write
  socket.write = (...args: unknown[]): boolean => {
    if (socket.writableLength > mostWaitingBytes) {
      socket.destroy(new Error(`more than ${mostWaitingBytes} bytes wait for this client to read`))
      return false
    }
    return typeof write === 'function' && Reflect.apply(write, socket, args) === true
  }
}
