/**
 * Connections that are being made, so that those that nobody waits for any more can be ended.
 *
 * Node.js takes a signal for this as well, and leaves a listener on it for each connection that there ever was: the
 * signal of a daemon that runs for years would hold them all.
 */
import { Socket } from 'node:net'

type Done = (...ended: [error: null, socket: Socket] | [error: Error, socket: null]) => void

/** Begins to connect, and says when that is over; undici's also returns the socket, which its types do not tell. */
type Connect<Target> = (target: Target, done: Done) => unknown

export interface Connecting<Target> {
  readonly connect: (target: Target, done: Done) => void
  /** Ends the connections that are not there yet. */
  end(): void
}

/** Remembers what `connect` has begun until it is done. */
export function connecting<Target>(connect: Connect<Target>): Connecting<Target> {
  const sockets = new Set<Socket>()
  return {
    connect(target, done) {
      const socket = connect(target, (...ended) => {
        if (socket instanceof Socket) sockets.delete(socket)
        done(...ended)
      })
      if (socket instanceof Socket) sockets.add(socket)
    },
    end() {
      for (const socket of sockets) socket.destroy(new Error('the client was closed'))
    },
  }
}
