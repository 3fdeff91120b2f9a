/**
 * Figures of the way from motion to a file: `npm run bench:clips`, some five minutes, in real time.
 *
 * The daemon is a process of its own, so that its memory is its own; the cloud is simulated in this one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { manyClips } from '../../src/simulator/stick.ts'

interface Seen {
  readonly kind: string
  readonly at: number
  readonly createdAt?: number
  readonly tickId?: string
}

interface Running {
  readonly simulator: Simulator
  readonly child: ChildProcess
  readonly events: readonly Seen[]
  close(): Promise<void>
}

interface Stick {
  readonly count: number
  readonly sizes?: number
  /** Sync modules with such a stick, in networks of their own; one when absent. */
  readonly modules?: number
}

async function run(settings: Readonly<Record<string, string>>, stick: Stick): Promise<Running> {
  const newestAt = Date.now() - 60_000
  const clips = manyClips({ count: stick.count, cameraNames: ['Hall'], newestAt, everyMinutes: 1 })
  const places = Array.from({ length: stick.modules ?? 1 }, (_, place) => place)
  const simulator = await startSimulator({
    ...{ manifestSeconds: 4, clipSeconds: 1, motionSeconds: 35 },
    accounts: [
      {
        ...{ id: 8021, region: 'e008' },
        networks: places.map((place) => ({ id: 44107 + place, name: 'Home' })),
        modules: places.map((place) => ({
          ...{ id: 350221 + place, networkId: 44107 + place, name: 'Garage', type: 'sm2' },
          clips: stick.sizes ? clips.map((clip) => ({ ...clip, size: stick.sizes ?? 0 })) : clips,
        })),
        cameras: [{ id: 610001, networkId: 44107, name: 'Hall' }],
      },
    ],
  })
  const dataDir = mkdtempSync(join(tmpdir(), 'clip-bench-'))
  const place = {
    dataDir,
    oauthUrl: simulator.oauthUrl,
    restUrl: simulator.restUrl,
    tokens: simulator.tokens(),
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../support/clip-daemon.ts'), '-'], {
    env: { ...process.env, CLIP_DAEMON: JSON.stringify({ ...place, settings, real: true }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const events: Seen[] = []
  if (child.stdout) createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line)))
  return {
    ...{ simulator, child, events },
    async close() {
      child.kill('SIGKILL')
      await simulator.close()
      rmSync(dataDir, { recursive: true })
    },
  }
}

function peakMegabytes({ child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024)
}

async function seen(
  running: Running,
  kind: string,
  count: number,
  seconds: number,
): Promise<readonly Seen[]> {
  for (let left = seconds * 10; left > 0; left--) {
    const found = running.events.filter((event) => event.kind === kind)
    if (found.length >= count) return found
    await pause(100)
  }
  return running.events.filter((event) => event.kind === kind)
}

const minutely = { SCHEDULE_CRON: '0 * * * * *' }

async function manyAtOnce(): Promise<void> {
  const running = await run({ SCHEDULE_CRON: '0 0 0 * * *', CLIPS_MAX_PER_RUN: '30' }, { count: 30 })
  const found = await seen(running, 'clip_new', 30, 180)
  const [first, last] = [found[0]?.at ?? 0, found.at(-1)?.at ?? 0]
  const calls = running.simulator.calls.filter(({ kind }) =>
    ['clip-request', 'command-status', 'clip'].includes(kind ?? ''),
  )
  console.log('clips a minute, uploads of 1 s:', Math.round(((found.length - 1) / (last - first)) * 60_000))
  console.log('requests for each clip:', (calls.length / found.length).toFixed(2))
  console.log('peak memory in MB, 30 clips:', peakMegabytes(running))
  await running.close()
}

async function large(): Promise<void> {
  const running = await run({ SCHEDULE_CRON: '0 0 0 * * *' }, { count: 1, sizes: 200 * 1024 })
  await seen(running, 'manifest_ready', 1, 60)
  const before = peakMegabytes(running)
  await seen(running, 'clip_new', 1, 120)
  console.log('peak memory in MB before and after a clip of 200 MB:', before, peakMegabytes(running))
  await running.close()
}

async function motion(): Promise<void> {
  const running = await run(minutely, { count: 0 })
  await seen(running, 'manifest_ready', 1, 60)
  const latencies: number[] = []
  for (let count = 1; count <= 3; count++) {
    await pause(count * 7_000)
    const at = Date.now()
    running.simulator.motion({ camera: 'Hall' })
    const found = await seen(running, 'clip_new', count, 150)
    latencies.push(((found.at(-1)?.at ?? 0) - at) / 1000)
  }
  console.log('seconds from motion to clip_new, a run each minute:', latencies.map(Math.round).join(' '))
  await running.close()
}

/** How late ids are: from the scheduled time to the event, with uploads all the time, and without. */
async function lateness(enabled: boolean): Promise<void> {
  const settings = {
    ...{ SCHEDULE_CRON: '*/10 * * * * *', CLIPS_ENABLED: String(enabled), CLIPS_MAX_PER_RUN: '1000' },
  }
  const running = await run(settings, { count: 400, modules: 8 })
  await pause(150_000)
  const late = running.events
    .filter(({ kind, tickId }) => kind === 'manifest_requested' && tickId?.endsWith('0.000Z'))
    .map(({ at, tickId }) => at - Date.parse(tickId ?? ''))
    .toSorted((a, b) => a - b)
  const quantile = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))]
  const clips = running.events.filter(({ kind }) => kind === 'clip_new').length
  console.log(`ids late in ms, clips ${enabled ? 'on' : 'off'}: p50 ${quantile(0.5)}, p99 ${quantile(0.99)}`)
  console.log(`  of ${late.length} ids, beside ${clips} clips`)
  await running.close()
}

await Promise.all([motion(), manyAtOnce().then(large), lateness(true), lateness(false)])
