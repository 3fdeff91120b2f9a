/**
 * `demo`: the daemon, a simulated Blink cloud and the built-in broker in one process, leaving nothing behind.
 *
 * The settings are those of a real run but for the two addresses, the credentials and a fast schedule; what a person's
 * environment says of a real cloud or broker is not read.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, openDaemon } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import { systemClock } from '../domain/clock.ts'
import { ConfigInvalid } from '../domain/errors.ts'
import type { WorkItem } from '../domain/model.ts'
import { type Simulator, startSimulator } from '../simulator/simulator.ts'
import { type CommonOptions, checks, openDiagnosedLog } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { aborted, type Terminal } from './terminal.ts'
import { version } from './version.ts'

const motionEveryMs = 15_000
const usual: Ports = { broker: 1883, page: 8090 }

export async function demo(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  await using parts = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'blink-manifestd-demo-'))
  parts.defer(() => rm(directory, { recursive: true, force: true }))
  const simulator = await startSimulator({ manifestSeconds: 1, clipSeconds: 1, motionSeconds: 2 })
  parts.defer(() => simulator.close())

  const { daemon, baseTopic } = await openOnUsualPorts((ports) =>
    open({ ...ports, directory, simulator }, terminal, options),
  )
  parts.defer(() => daemon.stop())
  const { brokerPort, pageUrl } = daemon
  const { email, password, code } = simulator.person()
  terminal.out(
    [
      pageUrl,
      'is the page: open it in a browser.',
      `Simulated Blink cloud at ${simulator.url}, MQTT broker at 127.0.0.1:${brokerPort}, a run every 10 s.`,
      `Watch all topics:  mosquitto_sub -h 127.0.0.1 -p ${brokerPort} -t '${baseTopic}/#' -v`,
      `To try a sign-in on the page:  ${email}, password ${password}, code ${code}`,
      `Clips are saved in ${join(directory, 'data', 'clips')}.`,
      'Stop with Ctrl-C.',
      '',
      '',
    ].join('\n'),
  )
  daemon.start()
  const over = AbortSignal.any([terminal.stop, terminal.outClosed])
  const moving = keepMoving(() => void simulator.motion({ camera: 'Porch', size: 70 }), over)
  await Promise.race([aborted(over), daemon.failed])
  await moving
  return exit.done
}

interface Ports {
  readonly broker: number
  readonly page: number
}

interface Place extends Ports {
  readonly directory: string
  readonly simulator: Simulator
}

async function open(
  { broker, page, directory, simulator }: Place,
  terminal: Terminal,
  options: CommonOptions,
): Promise<{ readonly daemon: Daemon; readonly baseTopic: string }> {
  const loaded = loadConfig({
    env: { BLINK_TOKENS: simulator.tokens() },
    cwd: directory,
    ...checks,
    overrides: new Map([
      ['log.level', 'warn'],
      ['schedule.cron', '*/10 * * * * *'],
      ['schedule.allowFast', 'true'],
      ['schedule.spreadSeconds', '0'],
      ['manifest.pollSeconds', '2'],
      ['clips.enabled', 'true'],
      ['clips.backfillDays', '-1'],
      ['clips.reserveMegabytes', '0'],
      ['web.listen', `127.0.0.1:${page}`],
      ...options.overrides,
      ['dataDir', join(directory, 'data')],
      ['blink.oauthUrl', simulator.oauthUrl],
      ['blink.restUrl', simulator.restUrl],
      ['mqtt.url', 'embedded'],
      ['mqtt.listen', `127.0.0.1:${broker}`],
    ]),
  })
  const { log, diagnostics } = await openDiagnosedLog(terminal, loaded, loaded.settings.log.level)
  const daemon = await openDaemon({
    ...{ loaded, version, clock: systemClock, log },
    service: { logTail: diagnostics.tail },
    observers: [
      diagnostics.observer,
      {
        eventDelivered: (event) => {
          if (event.kind === 'manifest_requested') terminal.out(`${readable(event.body)}\n`)
          if (event.kind === 'clip_new') terminal.out(`clip saved: ${event.body.path}\n`)
        },
      },
    ],
  })
  return { daemon, baseTopic: loaded.settings.mqtt.baseTopic }
}

/** Opens on the usual ports where they are free, and on any others where somebody takes them at the last moment. */
async function openOnUsualPorts<T>(open: (ports: Ports) => Promise<T>): Promise<T> {
  const free = async (port: number) => ((await isFree(port)) ? port : 0)
  try {
    return await open({ broker: await free(usual.broker), page: await free(usual.page) })
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return open({ broker: 0, page: 0 })
  }
}

/** Motion at a camera now and then, so that there are clips to come. */
async function keepMoving(move: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await systemClock.sleep(motionEveryMs, signal).catch(() => undefined)
    if (!signal.aborted) move()
  }
}

function readable(item: WorkItem): string {
  const time = new Date(item.requestedAt).toISOString().slice(11, 19)
  const place = `sync module ${item.syncModuleId} in network ${item.networkId}`
  return `${time}  ${place}  request ID ${item.requestId}  (${item.trigger})`
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
