/**
 * A daemon that downloads clips of a simulated cloud into a directory, as fast as both can.
 *
 * Run as a program it dies by SIGKILL at the step that its arguments name: `clip-daemon.ts <step> <count>`.
 */
import { subscribe } from 'node:diagnostics_channel'
import { type Daemon, openDaemon } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Clock, systemClock } from '../../src/domain/clock.ts'
import type { DurableEvent } from '../../src/domain/model.ts'
import type { Log, Observer } from '../../src/domain/ports.ts'

export interface ClipDaemonOptions {
  readonly dataDir: string
  readonly oauthUrl: string
  readonly restUrl: string
  readonly tokens: string
  readonly settings?: Readonly<Record<string, string>>
  readonly log?: Log
  readonly observers?: readonly Observer[]
  readonly clock?: Clock
}

/** Real time with short pauses; what is measured is in real time. */
export const hurried: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms / 10, 200), signal),
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** The environment of such a daemon. */
function environmentOf({ dataDir, oauthUrl, restUrl, tokens, settings }: ClipDaemonOptions) {
  return {
    BLINK_MANIFESTD_DATA_DIR: dataDir,
    BLINK_OAUTH_URL: oauthUrl,
    BLINK_REST_URL: restUrl,
    BLINK_TOKENS: tokens,
    MQTT_URL: 'embedded',
    MQTT_LISTEN: '127.0.0.1:0',
    SCHEDULE_CRON: '*/2 * * * * *',
    SCHEDULE_ALLOW_FAST: 'true',
    SCHEDULE_SPREAD_SECONDS: '0',
    CLIPS_ENABLED: 'true',
    CLIPS_BACKFILL_DAYS: '-1',
    CLIPS_RESERVE_MEGABYTES: '0',
    ...settings,
  }
}

export async function startClipDaemon(options: ClipDaemonOptions): Promise<Daemon> {
  const loaded = loadConfig({ env: environmentOf(options), cwd: '/nonexistent' })
  const { log = silent, observers, clock = hurried } = options
  const daemon = await openDaemon({
    ...{ loaded, version: '0.0.0', clock, log },
    service: { logTail: { lines: () => [] } },
    ...(observers && { observers }),
  })
  daemon.start()
  return daemon
}

/** The event as a line for who started this program. */
function print({ kind, body }: DurableEvent): void {
  const { createdAt, tickId } = { createdAt: undefined, tickId: undefined, ...body }
  process.stdout.write(`${JSON.stringify({ kind, at: Date.now(), createdAt, tickId })}\n`)
}

if (import.meta.filename === process.argv[1]) {
  const [step, count = '1'] = process.argv.slice(2)
  let left = Number(count)
  const { real, ...options } = JSON.parse(process.env.CLIP_DAEMON ?? '{}')
  subscribe('blink-manifestd:clip-step', (reached) => {
    if (reached === step && --left === 0) process.kill(process.pid, 'SIGKILL')
  })
  await startClipDaemon({
    ...options,
    ...(real && { clock: systemClock, observers: [{ eventDelivered: print }] }),
  })
}
