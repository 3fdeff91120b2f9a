/**
 * Where a fleet runs: a simulated cloud, a real broker, a real PostgreSQL, the instances, and those who watch them.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { fleetOf } from '../bench/fleet.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Postgres, type PostgresOptions, startPostgres } from '../support/postgres.ts'
import { type Instances, openInstances } from './instances.ts'
import { type Journal, keepJournal } from './journal.ts'
import { type StoreWatch, watchStore } from './store-watch.ts'
import { type Heard, hear } from './subscriber.ts'

export interface FleetWorldOptions {
  readonly instances: number
  readonly accounts: number
  readonly modulesPerAccount: number
  readonly env: Readonly<Record<string, string>>
  readonly accessTokenSeconds?: number
  readonly postgres?: PostgresOptions
  /** Of the pool of each instance; as the program has it when absent. */
  readonly connections?: number | undefined
  /** What the subscriber hears of: everything when absent. */
  readonly filters?: readonly string[]
  /** Whether something can come between instances and servers. */
  readonly wires: boolean
  /** Whether versions and fences are watched all the time. */
  readonly looks: boolean
  readonly signal: AbortSignal
  readonly tell: (what: string) => void
}

export interface FleetWorld extends AsyncDisposable {
  readonly directory: string
  readonly cloud: Simulator
  readonly broker: Mosquitto
  readonly postgres: Postgres
  readonly accounts: readonly AccountSpec[]
  readonly journal: Journal
  readonly heard: Heard
  readonly store: StoreWatch
  readonly instances: Instances
}

/** All tokens of the simulated cloud. */
export const secret = /sim-(refresh|access)-/
const schema = 'blink_manifestd'
/** Of the cloud's answers; a lease is longer than that. */
const timeoutSeconds = 10
/** Of tokens in one file, which may have a megabyte. */
const mostLines = 4_000

const env = {
  BLINK_TIMEOUT_SECONDS: String(timeoutSeconds),
  // The schedule is faster than any that it is made for.
  BLINK_DAILY_BUDGET: '1000000',
  SCHEDULE_ALLOW_FAST: 'true',
  SCHEDULE_ON_START: 'false',
  SCHEDULE_SPREAD_SECONDS: '0',
  REQUEST_TTL_SECONDS: '3600',
  LOG_FORMAT: 'json',
}

/** All lines for every instance; where those are longer than such a file may be, each instance has its share of them. */
function tokenFiles(directory: string, lines: readonly string[], instances: number): readonly string[] {
  const shares = lines.length > mostLines ? instances : 1
  return Array.from({ length: shares }, (_, share) => {
    const path = join(directory, `tokens-${share + 1}`)
    const own = lines.filter((_line, index) => index % shares === share)
    writeFileSync(path, `${own.join('\n')}\n`, { mode: 0o600 })
    return path
  })
}

export async function startFleetWorld(options: FleetWorldOptions): Promise<FleetWorld> {
  await using parts = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-fleet-'))
  parts.defer(() => rmSync(directory, { recursive: true, force: true }))
  const accounts = fleetOf(options)
  const cloud = await startSimulator({
    accounts,
    // Each instance reaches it at a loopback address of its own.
    host: '0.0.0.0',
    manifestSeconds: 0.5,
    accessTokenSeconds: options.accessTokenSeconds ?? 14_400,
  })
  parts.defer(() => cloud.close())
  const journal = parts.use(keepJournal(cloud))
  const broker = parts.use(
    await startMosquitto({ persistence: false, config: ['max_queued_messages 0', 'set_tcp_nodelay true'] }),
  )
  const postgres = parts.use(await startPostgres(options.postgres))
  const heard = parts.use(await hear(broker.url, secret, options.filters ?? ['blink-manifestd/#']))
  const store = parts.use(watchStore(postgres.url, schema, options))
  const lines = accounts.map(({ id }) => cloud.tokens(id))
  const files = tokenFiles(directory, lines, options.instances)
  const key = randomBytes(32).toString('base64')
  const shared = { ...env, STORE_SCHEMA: schema, STORE_KEY: key, ...options.env }
  const pool = options.connections === undefined ? '' : `?connections=${options.connections}`
  const instances = parts.use(
    await openInstances({
      count: options.instances,
      ...{ directory, cloud, journal, brokerPort: broker.port, storePort: postgres.port },
      storeUrl: (port) => postgres.url.replace(`:${postgres.port}/`, `:${port}/`) + pool,
      envOf: (instance) => ({ ...shared, BLINK_TOKENS_FILE: files[instance % files.length] ?? '' }),
      accounts: accounts.map(({ id }) => id),
      ...{ wires: options.wires, signal: options.signal, tell: options.tell },
    }),
  )
  const stack = parts.move()
  return {
    ...{ directory, cloud, broker, postgres, accounts, journal, heard, store, instances },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
