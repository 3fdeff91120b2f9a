/**
 * The wire between the daemon and the broker, listened to: every publish, and when the broker acknowledged it.
 *
 * The witness of what "delivered" means: the broker's PUBACK passed here, whether or not the daemon lived to read
 * it. It can also cut the wire, hold everything up, and spring a trap at the moment an acknowledgement passes.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { frameCutter, packet, protocolLevel, readPuback, readPublish } from './frames.ts'

export interface Publish {
  readonly at: number
  readonly topic: string
  readonly payload: string
  /** When the broker took it; undefined when it never said so. */
  ackedAt: number | undefined
}

export interface Wiretap extends AsyncDisposable {
  readonly port: number
  /** Publishes on the topics asked for, in their order on the wire. */
  readonly publishes: readonly Publish[]
  /** How many of all topics. */
  readonly total: number
  /** Topics on which a payload held a secret. */
  readonly leaks: readonly string[]
  /** Ends all connections, as a router does that is switched off. */
  cut(): void
  /** Nothing passes in either direction for so long. */
  stall(ms: number): Promise<void>
  /** Calls back once, before the daemon gets the acknowledgement of a work item, or just after; ends by itself. */
  trap(moment: 'before' | 'after', spring: () => void): void
  untrap(): void
}

export interface WiretapOptions {
  readonly brokerPort: number
  readonly keep: RegExp
  /** Whose acknowledgement springs a trap. */
  readonly product: RegExp
  readonly secret: RegExp
}

interface Trap {
  readonly moment: 'before' | 'after'
  readonly spring: () => void
}

export async function openWiretap({ brokerPort, keep, product, secret }: WiretapOptions): Promise<Wiretap> {
  const publishes: Publish[] = []
  const leaks: string[] = []
  const pairs = new Set<readonly [Socket, Socket]>()
  let total = 0
  let stalled: Promise<void> = Promise.resolve()
  let trap: Trap | undefined

  const listen = (near: Socket) => {
    const far = connect(brokerPort, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of pair) socket.setNoDelay(true).on('error', end).on('close', end)
    const waiting = new Map<number, Publish>()
    let level = 5

    const up = frameCutter()
    const hearDaemon = (chunk: Buffer) => {
      for (const frame of up(chunk)) {
        if (frame.type === packet.connect) level = protocolLevel(frame)
        if (frame.type !== packet.publish) continue
        const { topic, payload, packetId } = readPublish(frame, level)
        const text = payload.toString('utf8')
        total += 1
        if (secret.test(text) || secret.test(topic)) leaks.push(topic)
        const publish: Publish = { at: Date.now(), topic, payload: text, ackedAt: undefined }
        if (packetId !== undefined) waiting.set(packetId, publish)
        if (keep.test(topic)) publishes.push(publish)
      }
    }
    const down = frameCutter()
    /** Whether a work item's acknowledgement is in it. */
    const hearBroker = (chunk: Buffer): boolean => {
      let isProduct = false
      for (const frame of down(chunk)) {
        if (frame.type !== packet.puback) continue
        const { packetId, accepted } = readPuback(frame)
        const publish = waiting.get(packetId)
        waiting.delete(packetId)
        if (!publish || !accepted) continue
        publish.ackedAt = Date.now()
        isProduct ||= product.test(publish.topic)
      }
      return isProduct
    }

    passOn(near, far, (chunk) => {
      hearDaemon(chunk)
      far.write(chunk)
    })
    passOn(far, near, (chunk) => {
      const sprung = hearBroker(chunk) ? trap : undefined
      if (sprung) trap = undefined
      if (sprung?.moment !== 'before') near.write(chunk)
      sprung?.spring()
    })
  }

  /** In their order, and not while the wire is stalled. */
  const passOn = (from: Socket, to: Socket, hand: (chunk: Buffer) => void) => {
    const pump = async () => {
      for await (const chunk of from) {
        await stalled
        if (!Buffer.isBuffer(chunk) || to.destroyed) return
        hand(chunk)
      }
    }
    void pump()
      .catch(() => undefined)
      .finally(() => to.destroy())
  }

  const cut = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }
  const server = createServer(listen).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    publishes,
    leaks,
    get total() {
      return total
    },
    cut,
    async stall(ms) {
      stalled = pause(ms)
      await stalled
    },
    trap(moment, spring) {
      trap = { moment, spring }
    },
    untrap() {
      trap = undefined
    },
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
    },
  }
}
