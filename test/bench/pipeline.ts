/**
 * The daemon beside a shell pipeline of curl, jq and mosquitto_pub: ten modules, one after the other.
 *
 * Both ask for the home screen first. The pipeline starts for each round, as cron would start it, but its time counts
 * from its first request at the cloud on, as the daemon's does; that the daemon runs already is what it is for.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Asked } from './arguments.ts'
import { type BenchWorld, startBenchWorld } from './bench-world.ts'
import { ended, signIn, startDaemon } from './contestants.ts'
import { type Lap, type Runner, runLap, undisturbed } from './laps.ts'
import { ratios } from './statistics.ts'
import { type Rows, spreadText } from './table.ts'

const modules = 10
const periodSeconds = 6
/** Until the daemon is compiled and the pipeline's programs are in memory. */
const warmUp = 3
/** A median of fewer says nothing. */
const leastRounds = 5

interface Round {
  readonly msEach: number
  readonly cpuMsEach: number
}

export async function* pipeline({ laps }: Asked, tell: (text: string) => void): Rows {
  const missing = ['curl', 'jq', 'mosquitto_pub'].filter((name) => spawnSync(name, ['--help']).error)
  yield [`each of ${modules} modules`, 'pipeline', 'daemon', 'pipeline by daemon']
  if (missing.length > 0) {
    const reason = `skipped: ${missing.join(', ')} not installed`
    yield ['wall clock, ms', reason, reason, reason]
    return
  }
  const { daemon, shell } = await rounds(Math.max(laps, leastRounds), tell)
  for (const [name, what] of [
    ['msEach', 'wall clock, ms'],
    ['cpuMsEach', 'CPU, ms'],
  ] as const) {
    const [ours, theirs] = [daemon.map((round) => round[name]), shell.map((round) => round[name])]
    yield [what, spreadText(theirs), spreadText(ours), spreadText(ratios(theirs, ours), 1)]
  }
}

async function rounds(count: number, tell: (text: string) => void) {
  await using world = await startBenchWorld({ accounts: 1, modulesPerAccount: modules })
  const daemon = startDaemon(world, {
    env: { MQTT_TOPICS: 'work_items', SCHEDULE_CRON: `*/${periodSeconds} * * * * *` },
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => ended(daemon))
  const daemonRunner: Runner = { pid: daemon.pid ?? 0, base: 'blink-manifestd', go: async () => undefined }
  const environment = await environmentOf(world)
  const outcome = { daemon: [] as Round[], shell: [] as Round[] }
  for (let round = 1 - warmUp; round <= count; round++) {
    const pair = async () => {
      const lap = await runLap(world, daemonRunner, modules)
      let shellCpuMs = Number.NaN
      const go = async () => {
        shellCpuMs = await runPipeline(environment)
      }
      return [
        lap,
        { ...(await runLap(world, { base: 'pipeline', go }, modules)), cpuMs: shellCpuMs },
      ] as const
    }
    const [ours, theirs] = (await undisturbed(pair, tell)).map(roundOf)
    if (!ours || !theirs) continue
    tell(
      `round ${round}: pipeline ${inText(theirs)}, daemon ${inText(ours)}${round < 1 ? ', warming up' : ''}`,
    )
    if (round < 1) continue
    outcome.daemon.push(ours)
    outcome.shell.push(theirs)
  }
  return outcome
}

async function environmentOf({ cloud, broker, accounts }: BenchWorld): Promise<NodeJS.ProcessEnv> {
  return {
    PATH: process.env.PATH,
    REST_URL: `${cloud.url}/rest-e008`,
    ACCOUNT: String(accounts[0]?.id),
    TOKEN: await signIn(cloud.oauthUrl, cloud.tokens()),
    BROKER_PORT: String(broker.port),
  }
}

/** Runs the script once; the processor time of the shell and all that it started, in milliseconds. */
async function runPipeline(env: NodeJS.ProcessEnv): Promise<number> {
  const script = fileURLToPath(new URL('pipeline.sh', import.meta.url))
  const child = spawn('sh', [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[unknown]>])
  if (code !== 0) throw new Error(`the pipeline ended with ${code}`)
  return cpuMsOfTimes(output)
}

/** The sum of what the shell's `times` prints, such as `0m0.010s 0m0.000s`: its own and its children's time. */
export function cpuMsOfTimes(output: string): number {
  const all = [...output.matchAll(/(\d+)m(\d+(?:\.\d+)?)s/g)]
  if (all.length !== 4) throw new Error(`not what a shell's times prints: ${output}`)
  return all.reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0)
}

function roundOf({ ms, cpuMs }: Lap): Round {
  return { msEach: ms / modules, cpuMsEach: cpuMs / modules }
}

function inText({ msEach, cpuMsEach }: Round): string {
  return `${msEach.toFixed(2)} ms, ${cpuMsEach.toFixed(2)} ms CPU each`
}
