/**
 * From the start of the process to the first id at the subscriber, and the memory once idle: daemon and bare script.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Asked } from './arguments.ts'
import { type BenchWorld, startBenchWorld } from './bench-world.ts'
import { ended, formOf, outlivedByUs, startDaemon } from './contestants.ts'
import { memoryMb } from './process-figures.ts'
import { ratios } from './statistics.ts'
import { type Rows, spreadText } from './table.ts'
import { withoutTypes } from './without-types.ts'

interface StartFigures {
  readonly firstIdMs: number
  readonly idleMb: number
}

interface Starts {
  readonly daemon: readonly StartFigures[]
  readonly bare: readonly StartFigures[]
}

/** Long enough for both to have become idle. */
const idleAfterMs = 4_000

const figures = [
  ['firstIdMs', 'first id, ms'],
  ['idleMb', 'memory when idle, MB'],
] as const

/** Both start so many times, in turn. */
export async function* start({ laps }: Asked, tell: (text: string) => void): Rows {
  yield ['start', 'daemon', 'bare script', 'ratio']
  const { daemon, bare } = await starts(laps, tell)
  for (const [name, what] of figures) {
    const [ours, theirs] = [daemon.map((each) => each[name]), bare.map((each) => each[name])]
    yield [what, spreadText(ours, 0), spreadText(theirs, 0), spreadText(ratios(ours, theirs))]
  }
}

async function starts(runs: number, tell: (text: string) => void): Promise<Starts> {
  const outcome = { daemon: [] as StartFigures[], bare: [] as StartFigures[] }
  for (let run = 0; run < runs; run++) {
    await using world = await startBenchWorld({ accounts: 1, modulesPerAccount: 1 })
    const daemon = await one(world, () => startDaemon(world, { env: { SCHEDULE_ON_START: 'true' } }))
    const bare = await one(world, () => startBareScript(world))
    outcome.daemon.push(daemon)
    outcome.bare.push(bare)
    tell(`start ${run + 1}: daemon ${text(daemon)}, bare script ${text(bare)}`)
  }
  return outcome
}

async function one(world: BenchWorld, begin: () => ChildProcess): Promise<StartFigures> {
  const told = await listenForIds(world, 1)
  const begun = performance.now()
  const child = begin()
  try {
    await told()
    const firstIdMs = performance.now() - begun
    await pause(idleAfterMs)
    return { firstIdMs, idleMb: memoryMb(child.pid ?? 0).now }
  } finally {
    await ended(child)
  }
}

/**
 * Subscribes to the work items of everybody at the world's broker; then waits for so many of them.
 *
 * @throws Error from the second when they do not come within a minute
 */
export async function listenForIds({ broker }: BenchWorld, count: number): Promise<() => Promise<void>> {
  const words = ['-h', '127.0.0.1', '-p', String(broker.port), '-t', '+/sync/+/+/+/manifest/requested']
  const subscriber = spawn('mosquitto_sub', [...words, '-C', String(count), '-W', '60'], { stdio: 'ignore' })
  const gone = once(subscriber, 'exit')
  // It says nothing when the broker has taken the subscription, and that takes but a moment.
  await pause(200)
  return async () => {
    const [code] = (await gone) as [number | null]
    if (code !== 0) throw new Error(`${count} ids were waited for, and did not come`)
  }
}

const bareScript = withoutTypes(new URL('bare-start.ts', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts the bare script, signed in to the first account of the world. */
export function startBareScript({ cloud, broker, accounts }: BenchWorld): ChildProcess {
  const [account] = accounts
  const [module] = account?.modules ?? []
  const form = formOf(cloud.tokens())
  form.set('grant_type', 'refresh_token')
  const home = `/rest-e008/api/v3/accounts/${account?.id}/homescreen`
  const path = `/rest-e008/api/v1/accounts/${account?.id}/networks/${module?.networkId}/sync_modules/${module?.id}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', bareScript], {
    cwd: root,
    env: {
      CLOUD_URL: cloud.url,
      BROKER_URL: broker.url,
      FORM: form.toString(),
      HOME: home,
      PATH_TO_MODULE: `${path}/local_storage/manifest/request`,
    },
    stdio: 'ignore',
  })
  return outlivedByUs(child)
}

function text({ firstIdMs, idleMb }: StartFigures): string {
  return `${firstIdMs.toFixed(0)} ms, ${idleMb.toFixed(0)} MB`
}
