/**
 * A wire between a client and a broker that a test can make bad: slow, silent, deaf to answers, or cut.
 *
 * It knows nothing of MQTT. What it is told holds for connections made from then on, and for those that stand.
 */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

export interface WireManners {
  /** How long each piece is on its way, in milliseconds. */
  readonly delayMs?: number
  /** Nothing arrives, on either side, until the manners are others; what was sent waits. */
  readonly held?: boolean
  /** Pieces are cut to so many bytes; one goes every millisecond. */
  readonly pieceBytes?: number
  /** Connections are accepted and nothing else happens. */
  readonly silent?: boolean
  /** What the broker answers is lost. */
  readonly deaf?: boolean
}

export interface Wire extends AsyncDisposable {
  readonly url: string
  /** Connections made so far. */
  readonly connections: number
  /** Bytes that went to the broker. */
  readonly bytesThere: number
  behave(manners: WireManners): void
  /** Ends all connections by a reset. */
  cut(): void
}

/** A wire to a port of this machine. */
export async function wireTo(port: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  let manners: WireManners = {}
  let connections = 0
  let bytesThere = 0

  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
  }
  const server = createServer((near) => {
    connections++
    if (manners.silent) {
      keep(near, near)
      near.resume()
      return
    }
    const far = dial(port, '127.0.0.1')
    keep(near, far)
    keep(far, near)
    const there = slowly(far, () => manners)
    const back = slowly(near, () => manners)
    near.on('data', (data: Buffer) => {
      bytesThere += data.length
      there(data)
    })
    far.on('data', (data: Buffer) => manners.deaf || back(data))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `mqtt://127.0.0.1:${address !== null && typeof address !== 'string' ? address.port : 0}`,
    get connections() {
      return connections
    },
    get bytesThere() {
      return bytesThere
    },
    behave(next) {
      manners = next
    },
    cut,
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
    },
  }
}

/** How often a piece that is held looks whether it still is. */
const heldLookMs = 20

/** Writes to a socket in pieces, each at its time and in order. */
function slowly(socket: Socket, manners: () => WireManners): (data: Buffer) => void {
  const waiting: { readonly piece: Buffer; readonly at: number }[] = []
  let lastAt = 0
  const pump = () => {
    for (let next = waiting[0]; next; next = waiting[0]) {
      const left = manners().held ? heldLookMs : next.at - performance.now()
      if (left > 0) {
        setTimeout(pump, left)
        return
      }
      waiting.shift()
      if (socket.writable) socket.write(next.piece)
    }
  }
  return (data) => {
    const { delayMs = 0, pieceBytes = data.length } = manners()
    const idle = waiting.length === 0
    for (let at = 0; at < data.length; at += pieceBytes) {
      lastAt = Math.max(lastAt + (pieceBytes < data.length ? 1 : 0), performance.now() + delayMs)
      waiting.push({ piece: data.subarray(at, at + pieceBytes), at: lastAt })
    }
    if (idle) pump()
  }
}
