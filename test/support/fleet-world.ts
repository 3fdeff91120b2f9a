/** A small world in which several daemons share a PostgreSQL, a broker and a simulated cloud. */
import { join } from 'node:path'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import type { Observer } from './observer.ts'
import { startPostgres } from './postgres.ts'
import { freshSchema } from './postgres-database.ts'
import { storeKey } from './postgres-place.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'
import { startWorld, type World } from './world.ts'

export interface Instance {
  readonly name: string
  readonly daemon: Program
  /** Where its page is, without a slash at the end. */
  page(): Promise<string>
}

export interface FleetWorld extends AsyncDisposable {
  readonly world: World
  readonly observer: Observer
  start(name: string, env?: Readonly<Record<string, string>>): Instance
}

/** Starts everything but the daemons; `await using` takes it down. */
export async function startFleetWorld({
  accounts,
  ...simulator
}: SimulatorOptions & { readonly accounts: readonly AccountSpec[] }): Promise<FleetWorld> {
  await using parts = new AsyncDisposableStack()
  const postgres = parts.use(await startPostgres())
  const world = parts.use(await startWorld({ simulator: { accounts, ...simulator } }))
  const observer = await world.observer()
  const shared = {
    STORE_URL: postgres.url,
    STORE_KEY: storeKey.reveal(),
    STORE_SCHEMA: freshSchema(),
    BLINK_TOKENS: accounts.map(({ id }) => world.cloud.tokens(id)).join('\n'),
    SCHEDULE_ON_START: 'false',
    WEB_LISTEN: '127.0.0.1:0',
  }
  const stack = parts.move()
  return {
    world,
    observer,
    start(name, env) {
      const dataDir = join(world.directory, name)
      const own = { FLEET_INSTANCE: name, BLINK_MANIFESTD_DATA_DIR: dataDir }
      const daemon = world.start(['run'], { ...shared, ...own, ...env })
      const listening = () => daemon.logged().find(({ msg }) => msg === 'page listening')
      return {
        name,
        daemon,
        async page() {
          const line = await until(`the page of ${name}`, listening, { state: daemon.stderr })
          return String(line.url).replace(/\/$/, '')
        },
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The instance that holds the bridge, as the logs say. */
export async function bridgeAmong(instances: readonly Instance[]): Promise<Instance> {
  const isBridge = ({ daemon }: Instance) =>
    daemon.logged().some(({ msg }) => msg === 'this instance is the bridge')
  const state = () => instances.map(({ daemon }) => daemon.stderr()).join('\n')
  return until('a bridge', () => instances.find(isBridge), { state })
}
