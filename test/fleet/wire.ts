/**
 * A wire between one daemon and a server, which can be cut, and can swallow everything while it stays connected.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Wire extends AsyncDisposable {
  readonly port: number
  /** Ends all connections and refuses new ones until it is mended. */
  cut(): void
  /** Nothing passes in either direction, and nobody is told, until it is mended. */
  stall(): void
  mend(): void
}

/** @param port of the server, on this machine */
export async function openWire(port: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let state: 'whole' | 'cut' | 'stalled' = 'whole'

  const listen = (near: Socket) => {
    near.on('error', () => near.destroy())
    if (state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [socket, other] of [pair, pair.toReversed()] as const) {
      if (!socket || !other) continue
      socket.setNoDelay(true)
      // What arrived before the other end went away is handed over first.
      socket.on('end', () => other.end())
      socket.on('close', () => {
        pairs.delete(pair)
        other.destroySoon()
      })
      socket.on('error', () => other.destroy())
      socket.on('data', (chunk: Buffer) => {
        if (!other.write(chunk)) socket.pause()
      })
      other.on('drain', () => {
        if (state !== 'stalled') socket.resume()
      })
      if (state === 'stalled') socket.pause()
    }
  }
  const end = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }
  const server = createServer({ allowHalfOpen: false }, listen).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    cut() {
      state = 'cut'
      end()
    },
    stall() {
      state = 'stalled'
      for (const socket of [...pairs].flat()) socket.pause()
    },
    mend() {
      state = 'whole'
      for (const socket of [...pairs].flat()) socket.resume()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      end()
    },
  }
}
