/**
 * A small world for an end-to-end test: simulated cloud, real broker, data directory, and the real program in it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import { type Mosquitto, type MosquittoOptions, startMosquitto } from './mosquitto.ts'
import { type Observer, observe } from './observer.ts'
import { type Finished, type Program, startProgram, type User } from './program.ts'

export interface WorldOptions {
  readonly simulator?: SimulatorOptions
  readonly mosquitto?: MosquittoOptions
  /** False for worlds without a broker of their own. */
  readonly broker?: boolean
}

export interface World extends AsyncDisposable {
  readonly directory: string
  readonly dataDir: string
  readonly cloud: Simulator
  readonly broker: Mosquitto
  /** What the program is started with unless a test says otherwise. */
  readonly env: Readonly<Record<string, string>>
  /** An empty text takes a variable back. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>, user?: User): Program
  /** Starts the program and waits for its end. */
  finish(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>
  observer(): Promise<Observer>
}

/**
 * Every five minutes, as by default, but in no hour in which a test runs: a run that the schedule begins in the middle
 * of a test that counts requests would fail it.
 */
function notNow(): string {
  return `*/5 ${(new Date().getUTCHours() + 12) % 24} * * *`
}

/** Starts everything on free ports; `await using` takes it down. */
export async function startWorld({ simulator, mosquitto, broker = true }: WorldOptions = {}): Promise<World> {
  await using parts = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-test-'))
  parts.defer(() => rmSync(directory, { recursive: true, force: true }))
  const cloud = await startSimulator(simulator)
  parts.defer(() => cloud.close())
  const running = broker ? await startMosquitto(mosquitto) : undefined
  if (running) parts.use(running)
  const dataDir = join(directory, 'data')
  const env = {
    BLINK_MANIFESTD_DATA_DIR: dataDir,
    BLINK_OAUTH_URL: cloud.oauthUrl,
    BLINK_REST_URL: cloud.restUrl,
    BLINK_TOKENS: cloud.tokens(),
    LOG_LEVEL: 'debug',
    // Never the usual port, where somebody else's broker may be.
    MQTT_URL: running?.url ?? 'mqtt://127.0.0.1:9',
    SCHEDULE_CRON: notNow(),
  }
  const stack = parts.move()
  const start: World['start'] = (args, extra = {}, user = {}) =>
    stack.use(startProgram(args, { env: { ...env, ...extra }, cwd: directory, ...user }))
  return {
    directory,
    dataDir,
    cloud,
    get broker() {
      if (!running) throw new Error('this world has no broker')
      return running
    },
    env,
    start,
    finish: (args, extra) => start(args, extra).finished(),
    async observer() {
      return stack.use(await observe(running?.url ?? ''))
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
