/**
 * From the start of the process to the first id at the subscriber, and the memory once idle: daemon and bare script.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type BenchWorld, startBenchWorld } from './bench-world.ts'
import { ended, formOf, startDaemon } from './contestants.ts'
import { memoryMb } from './process-figures.ts'

export interface StartFigures {
  readonly firstIdMs: number
  readonly idleMb: number
}

export interface Starts {
  readonly daemon: readonly StartFigures[]
  readonly bare: readonly StartFigures[]
}

/** Long enough for both to have become idle. */
const idleAfterMs = 4_000

export async function starts(runs: number, tell: (text: string) => void): Promise<Starts> {
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
  const words = [
    '-h',
    '127.0.0.1',
    '-p',
    String(world.broker.port),
    '-t',
    '+/sync/+/+/+/manifest/requested',
    '-C',
    '1',
  ]
  const subscriber = spawn('mosquitto_sub', words, { stdio: 'ignore' })
  const told = once(subscriber, 'exit')
  await pause(200)
  const begun = performance.now()
  const child = begin()
  try {
    await told
    const firstIdMs = performance.now() - begun
    await pause(idleAfterMs)
    return { firstIdMs, idleMb: memoryMb(child.pid ?? 0).now }
  } finally {
    await ended(child)
  }
}

/** Without its types: the daemon has lost them when it was built, and the script would while it is measured. */
const bareScript = ts.transpile(readFileSync(new URL('bare-start.ts', import.meta.url), 'utf8'), {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
})
const root = fileURLToPath(new URL('../..', import.meta.url))

function startBareScript({ cloud, broker, accounts }: BenchWorld): ChildProcess {
  const [account] = accounts
  const [module] = account?.modules ?? []
  const form = formOf(cloud.tokens())
  form.set('grant_type', 'refresh_token')
  const home = `/rest-e008/api/v3/accounts/${account?.id}/homescreen`
  const path = `/rest-e008/api/v1/accounts/${account?.id}/networks/${module?.networkId}/sync_modules/${module?.id}`
  return spawn(process.execPath, ['--input-type=module', '--eval', bareScript], {
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
}

function text({ firstIdMs, idleMb }: StartFigures): string {
  return `${firstIdMs.toFixed(0)} ms, ${idleMb.toFixed(0)} MB`
}
