/**
 * Where the benches run: a simulated cloud that reads a fine clock, a Mosquitto with its defaults, a directory.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import type { Call } from '../../src/simulator/server.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { realTime } from '../../src/simulator/time.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type FleetSize, fleetOf } from './fleet.ts'
import { wallClock } from './wall-clock.ts'

export interface BenchWorld extends AsyncDisposable {
  readonly directory: string
  readonly cloud: Simulator
  readonly broker: Mosquitto
  readonly accounts: readonly AccountSpec[]
  /** The token lines of all accounts. */
  tokenLines(): string
  /** Milliseconds since the epoch, with fractions. */
  now(): number
  /** The accepted requests for a manifest since then. */
  accepted(since: number): readonly Call[]
  /** Forgets the requests so far: the simulated cloud keeps but 100,000 for certain, fewer than a large fleet sends. */
  forgetCalls(): void
  /** Sets the fine clock by the kernel's again: the two part by some microseconds a minute. */
  setClock(): void
}

export interface BrokerKind {
  /** Whether Mosquitto sends each acknowledgement at once; by its defaults it waits until the last one has arrived. */
  readonly tcpNoDelay: boolean
}

export async function startBenchWorld(
  size: FleetSize,
  { tcpNoDelay }: BrokerKind = { tcpNoDelay: false },
): Promise<BenchWorld> {
  await using parts = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-bench-'))
  parts.defer(() => rmSync(directory, { recursive: true, force: true }))
  let clock = wallClock()
  const accounts = fleetOf(size)
  // A module is free again at once: the laps follow each other faster than manifests are made.
  const time = { ...realTime, now: () => clock() }
  const cloud = await startSimulator({ accounts, manifestSeconds: 0, time })
  parts.defer(() => cloud.close())
  // The daemon and the bare loop sign in with the same tokens.
  cloud.rotateRefreshTokens('never')
  // Its defaults, but that it drops nothing for a subscriber whom a busy machine keeps from reading.
  const config = ['max_queued_messages 0', `set_tcp_nodelay ${tcpNoDelay}`]
  const broker = parts.use(await startMosquitto({ persistence: false, config }))
  const stack = parts.move()
  return {
    directory,
    cloud,
    broker,
    accounts,
    tokenLines: () => accounts.map(({ id }) => cloud.tokens(id)).join('\n'),
    now: () => clock(),
    accepted: (since) =>
      cloud.calls.filter(
        ({ kind, at, status }) => kind === 'manifest-request' && status === 200 && at >= since,
      ),
    forgetCalls() {
      // Its own list, of which the type only lets others read.
      ;(cloud.calls as Call[]).length = 0
    },
    setClock() {
      clock = wallClock()
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
