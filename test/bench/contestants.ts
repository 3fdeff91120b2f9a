/**
 * The two who run laps: the daemon, lap by lap as its schedule fires, and the bare loop, when it is told.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Errand, Extra, Order, Target } from './bare-loop.ts'
import type { BenchWorld } from './bench-world.ts'

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const builtProgram = fromHere('../../dist/main.js')

/** Those of the image and of the systemd unit. */
const startFlags = ['--max-semi-space-size=8', '--heap-growing-percent=10']

export interface DaemonOptions {
  /** Environment variables beside those that say where everything is. */
  readonly env: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
}

/** Starts the built daemon in a world; it ends with the stack it is given to. */
export function startDaemon(world: BenchWorld, { env, nodeOptions = [] }: DaemonOptions): ChildProcess {
  const tokens = join(world.directory, 'tokens')
  writeFileSync(tokens, `${world.tokenLines()}\n`, { mode: 0o600 })
  const log = openSync(join(world.directory, 'daemon.log'), 'a')
  const child = spawn(process.execPath, [...startFlags, ...nodeOptions, builtProgram, 'run'], {
    cwd: world.directory,
    env: {
      PATH: process.env.PATH,
      BLINK_MANIFESTD_DATA_DIR: join(world.directory, 'data'),
      BLINK_OAUTH_URL: world.cloud.oauthUrl,
      BLINK_REST_URL: world.cloud.restUrl,
      BLINK_TOKENS_FILE: tokens,
      MQTT_URL: world.broker.url,
      SCHEDULE_SPREAD_SECONDS: '0',
      SCHEDULE_ON_START: 'false',
      SCHEDULE_ALLOW_FAST: 'true',
      ...env,
    },
    stdio: ['ignore', 'ignore', log, 'ipc'],
  })
  return outlivedByUs(child)
}

/** A bench that is cut short leaves nobody behind who would be measured with the next one. */
export function outlivedByUs(child: ChildProcess): ChildProcess {
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.removeListener('exit', end))
  return child
}

export interface BareLoop extends AsyncDisposable {
  readonly pid: number
  lap(): Promise<void>
}

/** Starts the bare loop, signed in to every account of the world. */
export async function startBareLoop(
  world: BenchWorld,
  { inFlight, extras }: { readonly inFlight: number; readonly extras: readonly Extra[] },
): Promise<BareLoop> {
  const child = fork(fromHere('bare-loop.ts'))
  const order = async (what: Order): Promise<void> => {
    child.send(what)
    const [answer] = (await once(child, 'message')) as [unknown]
    if (answer !== 'done') throw new Error('the bare loop has failed')
  }
  const errand: Errand = {
    cloudUrl: world.cloud.url,
    brokerUrl: world.broker.url,
    inFlight,
    targets: await targetsOf(world),
    extras,
  }
  await order({ errand })
  return {
    pid: child.pid ?? 0,
    lap: () => order('lap'),
    [Symbol.asyncDispose]: () => ended(child),
  }
}

/** Kills a child and waits for its end. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function targetsOf({ cloud, accounts }: BenchWorld): Promise<readonly Target[]> {
  const targets: Target[] = []
  for (const { id, modules } of accounts) {
    const token = await signIn(cloud.oauthUrl, cloud.tokens(id))
    for (const { networkId, id: syncModuleId } of modules) {
      targets.push({ accountId: id, networkId, syncModuleId, token })
    }
  }
  return targets
}

/** An access token for a token line. */
export async function signIn(oauthUrl: string, line: string): Promise<string> {
  const form = formOf(line)
  form.set('grant_type', 'refresh_token')
  const answer = await fetch(`${oauthUrl}/oauth/token`, { method: 'POST', body: form })
  const { access_token: token } = (await answer.json()) as { readonly access_token: string }
  return token
}

/** The fields of a token line as a form. */
export function formOf(line: string): URLSearchParams {
  const form = new URLSearchParams()
  for (const field of line.split('|')) {
    const [name = '', value = ''] = field.split('=')
    form.set(name, decodeURIComponent(value))
  }
  return form
}
