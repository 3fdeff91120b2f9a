/**
 * The instances: started, killed at the planned moment, frozen, cut off; what they went through is kept for the judge.
 */
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { type Program, startProgram } from '../support/program.ts'
import { hostOf, instanceOf, type Journal } from './journal.ts'
import type { InstanceDeed, KillMoment, Start, WireDeed } from './plan.ts'
import { openWire, type Wire } from './wire.ts'

export interface Life {
  readonly instance: number
  readonly startedAt: number
  /** Far in the future while it lasts. */
  endedAt: number
  /** `refused`: it found no store when it started, as one may; `crashed`: nobody had asked it to end. */
  end: 'running' | 'killed' | 'stopped' | 'refused' | 'crashed'
  moment: KillMoment | undefined
  exitCode: number | null
  /** Whether it came so far as to say that it has started. */
  hasStarted: boolean
  /** From SIGTERM to the end, in milliseconds. */
  stopMs: number | undefined
  readonly skewMs: number
  readonly log: string
}

export interface Trouble {
  readonly kind: 'frozen' | 'store' | 'broker'
  /** Of all when it is undefined. */
  readonly instance: number | undefined
  readonly from: number
  until: number
}

export interface Instances extends AsyncDisposable {
  readonly lives: readonly Life[]
  readonly troubles: readonly Trouble[]
  readonly pids: () => readonly number[]
  /** @param env beside that of all instances */
  start(instance: number, start: Start, env?: Readonly<Record<string, string>>): void
  act(deed: InstanceDeed & { readonly instance: number }): Promise<void>
  wire(deed: WireDeed & { readonly instance: number }): Promise<void>
  /** Notes a trouble that all have. */
  trouble(kind: Trouble['kind'], work: () => Promise<void>): Promise<void>
  /** Starts those that are not there. */
  startAll(start: Start): void
  stopAll(): Promise<void>
  /** Resolves when these are gone. */
  kill(instance: number): Promise<void>
}

export interface InstancesNeeds {
  readonly count: number
  readonly directory: string
  readonly cloud: Simulator
  readonly journal: Journal
  readonly brokerPort: number
  readonly storePort: number
  /** The URL of the store as an instance has it that reaches it at this port. */
  readonly storeUrl: (port: number) => string
  readonly envOf: (instance: number) => Readonly<Record<string, string>>
  readonly accounts: readonly number[]
  /** Without one, instances and servers are connected directly. */
  readonly wires: boolean
  readonly signal: AbortSignal
  readonly tell: (what: string) => void
}

/** How long a kill waits for its moment, in milliseconds. */
const momentWithinMs = 8_000
/** Longer than any stop should take; then it is killed, and the stop has failed. */
const stopWithinMs = 30_000
const renewalMs = 150
/** As whoever supervises a daemon starts it again after a failure that may pass. */
const [temporaryFailure, startAgainMs] = [75, 1_000]

function hasStarted(log: string): boolean {
  return readFileSync(log, 'utf8').includes('"msg":"started"')
}

/** The name of an instance, as it is in the settings. */
function nameOf(instance: number): string {
  return `fleet-${instance + 1}`
}

export async function openInstances(needs: InstancesNeeds): Promise<Instances> {
  const { count, directory, cloud, journal, accounts, signal, tell } = needs
  await using parts = new AsyncDisposableStack()
  const cloudPort = Number(new URL(cloud.url).port)
  const lives: Life[] = []
  const troubles: Trouble[] = []
  let isOver = false
  const running = new Map<number, { life: Life; program: Program; read: Promise<void> }>()
  const wires: { readonly store: Wire; readonly broker: Wire }[] = []
  for (let instance = 0; needs.wires && instance < count; instance++) {
    const store = parts.use(await openWire(needs.storePort))
    wires.push({ store, broker: parts.use(await openWire(needs.brokerPort)) })
  }
  const clock = new URL('skewed-clock.ts', import.meta.url).href

  const start: Instances['start'] = (instance, { skewMs }, extra = {}) => {
    if (running.has(instance)) return
    const { store, broker } = wires[instance] ?? {}
    const place = join(directory, nameOf(instance))
    mkdirSync(place, { recursive: true })
    const log = join(place, `life-${lives.length + 1}.log`)
    const file = openSync(log, 'a')
    const url = `http://${hostOf(instance, cloudPort)}`
    const program = startProgram(['run'], {
      cwd: place,
      stderr: file,
      env: {
        ...needs.envOf(instance),
        BLINK_MANIFESTD_DATA_DIR: join(place, 'data'),
        BLINK_OAUTH_URL: url,
        BLINK_REST_URL: `${url}/rest-{region}`,
        FLEET_INSTANCE: nameOf(instance),
        STORE_URL: needs.storeUrl(store?.port ?? needs.storePort),
        MQTT_URL: `mqtt://127.0.0.1:${broker?.port ?? needs.brokerPort}`,
        ...extra,
        ...(skewMs !== 0 && { FLEET_SKEW_MS: String(skewMs), NODE_OPTIONS: `--import=${clock}` }),
      },
    })
    closeSync(file)
    const life: Life = {
      ...{ instance, startedAt: Date.now(), endedAt: Number.POSITIVE_INFINITY, end: 'running', skewMs, log },
      ...{ moment: undefined, exitCode: null, hasStarted: false, stopMs: undefined },
    }
    lives.push(life)
    const ended = async () => {
      const { code } = await program.ended
      life.endedAt = Date.now()
      life.exitCode = code
      life.hasStarted = hasStarted(log)
      running.delete(instance)
      if (life.end !== 'running') return
      if (code === temporaryFailure && isWithoutStore(instance) && !life.hasStarted) {
        life.end = 'refused'
        await pause(startAgainMs)
        if (!isOver) start(instance, { skewMs })
        return
      }
      life.end = 'crashed'
      tell(`${nameOf(instance)} ended by itself with ${code}:\n${readFileSync(log, 'utf8').slice(-2_000)}`)
    }
    running.set(instance, { life, program, read: ended() })
  }

  const isWithoutStore = (instance: number) =>
    troubles.some(
      (one) =>
        one.kind === 'store' &&
        (one.instance ?? instance) === instance &&
        one.until > Date.now() - stopWithinMs,
    )

  const during = async (kind: Trouble['kind'], instance: number | undefined, work: () => Promise<void>) => {
    const trouble: Trouble = { kind, instance, from: Date.now(), until: Number.POSITIVE_INFINITY }
    troubles.push(trouble)
    await work().finally(() => {
      trouble.until = Date.now()
    })
  }
  const wait = (ms: number) => pause(ms, undefined, { signal }).catch(() => undefined)

  const strike = async (instance: number, moment: KillMoment | undefined) => {
    const taken = running.get(instance)
    if (!taken) return
    taken.life.end = 'killed'
    taken.life.moment = moment
    taken.program.kill('SIGKILL')
    await taken.read
  }

  const comes = async (look: () => boolean): Promise<boolean> => {
    const giveUpAt = performance.now() + momentWithinMs
    while (!look()) {
      if (performance.now() > giveUpAt || signal.aborted) return false
      await pause(2)
    }
    return true
  }
  const isOut = (instance: number, kind: string) =>
    journal.open().find((call) => call.kind === kind && instanceOf(call) === instance)

  /** Kills it when the renewed token has come and cannot be written. */
  const killAfterRenewal = async (instance: number) => {
    cloud.misbehave({ kind: 'slow', delayMs: renewalMs, path: '/oauth/token', count: count * 4 })
    for (const account of accounts.slice(0, count * 4)) cloud.expireAccessTokens(account)
    const came = await comes(() => isOut(instance, 'token') !== undefined)
    const store = wires[instance]?.store
    store?.stall()
    if (came) await pause(renewalMs * 2)
    await strike(instance, came ? 'after-renewal' : 'any')
    store?.mend()
  }

  const kill = async (instance: number, moment: KillMoment) => {
    if (moment === 'after-renewal') return killAfterRenewal(instance)
    const came = moment === 'any' || (await comes(() => isOut(instance, 'manifest-request') !== undefined))
    return strike(instance, came ? moment : 'any')
  }

  const stop = async (instance: number) => {
    const taken = running.get(instance)
    if (!taken) return
    const { life, program, read } = taken
    const begun = performance.now()
    life.end = 'stopped'
    program.kill('SIGTERM')
    const late = pause(stopWithinMs, undefined, { ref: false }).then(() => program.kill('SIGKILL'))
    await Promise.race([read, late])
    await read
    life.stopMs = Math.round(performance.now() - begun)
  }

  parts.defer(async () => {
    isOver = true
    await Promise.all([...running.keys()].map((instance) => strike(instance, undefined)))
  })
  const stack = parts.move()
  return {
    lives,
    troubles,
    pids: () => [...running.values()].map(({ program }) => program.pid),
    start,
    startAll(how) {
      for (let instance = 0; instance < count; instance++) start(instance, how)
    },
    async stopAll() {
      isOver = true
      await Promise.all([...running.keys()].map(stop))
    },
    kill: (instance) => kill(instance, 'any'),
    trouble: (kind, work) => during(kind, undefined, work),
    async act(deed) {
      const { instance } = deed
      if (deed.kind === 'freeze') {
        const taken = running.get(instance)
        if (!taken) return
        tell(`${nameOf(instance)} is frozen for ${deed.forMs} ms`)
        await during('frozen', instance, async () => {
          taken.program.kill('SIGSTOP')
          await wait(deed.forMs)
          taken.program.kill('SIGCONT')
        })
        return
      }
      if (deed.kind === 'stop') await stop(instance)
      else await kill(instance, deed.moment)
      const last = lives.findLast((life) => life.instance === instance)
      tell(`${nameOf(instance)} ${last?.end} ${last?.moment ?? ''}`)
      await wait(deed.downMs)
      start(instance, deed.next)
    },
    async wire({ instance, to, kind, forMs }) {
      const wire = wires[instance]?.[to]
      if (!wire) return
      tell(`${nameOf(instance)} has no ${to} (${kind}) for ${forMs} ms`)
      await during(to, instance, async () => {
        wire[kind]()
        await wait(forMs)
        wire.mend()
      })
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
