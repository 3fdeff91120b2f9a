/**
 * Connections that are being made, so that those that nobody waits for any more can be ended.
 *
 * Node.js takes a signal for this as well, and leaves a listener on it for each connection that there ever was: the
 * signal of a daemon that runs for years would hold them all.
 */
import { Socket } from 'node:net'
import { addressesTried } from '../domain/addresses.ts'

type Done = (...ended: [error: null, socket: Socket] | [error: Error, socket: null]) => void

/** Begins to connect, and says when that is over; undici's also returns the socket, which its types do not tell. */
type Connect<Target> = (target: Target, done: Done) => unknown

export interface Connecting<Target> {
  readonly connect: (target: Target, done: Done) => void
  /** The addresses that the newest connection to this host has tried, while it is being made or when it failed. */
  tried(hostname: string): readonly string[]
  /** Ends the connections that are remembered. */
  end(): void
}

/** Remembers what `connect` has begun until it is done, or until the connection is over. */
export function connecting<Target extends { readonly hostname: string }>(
  connect: Connect<Target>,
  { until = 'done' }: { readonly until?: 'done' | 'closed' } = {},
): Connecting<Target> {
  const sockets = new Set<Socket>()
  const attempts = new Map<string, () => readonly string[]>()
  return {
    connect(target, done) {
      const { hostname } = target
      const socket = connect(target, (...ended) => {
        if (socket instanceof Socket && until === 'done') sockets.delete(socket)
        const tried = attempts.get(hostname)?.() ?? []
        if (ended[0]) attempts.set(hostname, () => tried)
        else attempts.delete(hostname)
        done(...ended)
      })
      if (!(socket instanceof Socket)) return
      sockets.add(socket)
      if (until === 'closed') socket.once('close', () => sockets.delete(socket))
      attempts.set(hostname, addressesTried(socket))
    },
    tried: (hostname) => attempts.get(hostname)?.() ?? [],
    end() {
      for (const socket of sockets) socket.destroy(new Error('the client was closed'))
    },
  }
}
