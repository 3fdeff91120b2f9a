/**
 * The subscriber of a lap: `mosquitto_sub`, which notes when each message came and how long it is.
 *
 * A C program and not one of our own: whoever receives shares the processors with whoever is measured, and should
 * take as little of them as possible.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** One message as it came. */
export interface Arrival {
  /** In milliseconds since the epoch, with fractions. */
  readonly at: number
  readonly bytes: number
  readonly topic: string
}

export interface Subscriber {
  /** Resolves when nothing has come for so long, after something had. */
  quiet(signal: AbortSignal, forMs?: number): Promise<void>
  /** Ends it; what came, in its order. */
  end(): Promise<readonly Arrival[]>
}

/** Longer than any pause within a lap. */
const quietMs = 700
const lookMs = 50

/** Subscribes with QoS 0 and resolves when the broker has taken the subscription. */
export async function subscribe(
  { port, path, filter }: { readonly port: number; readonly path: string; readonly filter: string },
  signal: AbortSignal,
): Promise<Subscriber> {
  const output = openSync(path, 'w')
  const words = ['-h', '127.0.0.1', '-p', String(port), '-V', 'mqttv5', '-R', '-t', filter, '-F', '%U %l %t']
  const child = spawn('mosquitto_sub', words, { stdio: ['ignore', output, 'ignore'], signal })
  child.once('error', () => undefined)
  const lengthOf = () => statSync(path).size
  // It says nothing when the broker has taken the subscription, and that takes but a moment.
  await pause(200)
  return {
    async quiet(over, forMs = quietMs) {
      const before = lengthOf()
      let last = before
      let since = performance.now()
      for (;;) {
        await pause(lookMs, undefined, { signal: over })
        const now = lengthOf()
        if (now !== last) [last, since] = [now, performance.now()]
        else if (last > before && performance.now() - since > forMs) return
      }
    },
    async end() {
      // It may have ended by itself, as without a broker.
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit')
        child.kill('SIGINT')
        await gone
      }
      return readArrivals(readFileSync(path, 'utf8'))
    },
  }
}

/** Reads lines of time, length and topic; what is cut short, as the last line may be, is left out. */
export function readArrivals(text: string): readonly Arrival[] {
  return text.split('\n').flatMap((line) => {
    const found = /^(\d+\.\d+) (\d+) (\S+)$/.exec(line)
    return found ? [{ at: Number(found[1]) * 1000, bytes: Number(found[2]), topic: found[3] ?? '' }] : []
  })
}
