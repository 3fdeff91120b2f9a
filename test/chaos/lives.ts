/**
 * The daemon's lives: started, killed at the planned moment or stopped, its disk and its log read after each.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Simulator } from '../../src/simulator/simulator.ts'
import type { Ended, Program } from '../support/program.ts'
import { type ClipStep, clipSteps, type StepTrap } from '../support/step-trap.ts'
import type { World } from '../support/world.ts'
import type { KillMoment, Start } from './plan.ts'
import { type LogRead, type OnDisk, readDisk, readLog } from './stored.ts'
import type { Wiretap } from './wiretap.ts'

export interface Life {
  readonly startedAt: number
  /** Far in the future while it lasts. */
  endedAt: number
  readonly start: Start
  /** `unborn`: asked to stop before its program was loaded; `crashed`: nobody had asked it to end. */
  end: 'running' | 'killed' | 'stopped' | 'unborn' | 'crashed'
  /** As planned; a moment that did not come in time is `any`. */
  moment: KillMoment | undefined
  exitCode: number | null
  /** From SIGTERM to the end, in milliseconds. */
  stopMs: number | undefined
}

export interface SignIn {
  readonly account: number
  readonly at: number
}

export interface Lives {
  readonly all: readonly Life[]
  readonly logs: readonly LogRead[]
  readonly disks: readonly OnDisk[]
  readonly signIns: readonly SignIn[]
  start(start: Start, env?: Readonly<Record<string, string>>): void
  /** How much is in the outbox, where that can be read beside the daemon. */
  waitingNow(): number | undefined
  kill(moment: KillMoment, lateMs: number): Promise<void>
  stop(): Promise<void>
  /** Resolves when the running daemon has logged so many runs, or has taken too long for them. */
  runs(count: number): Promise<void>
}

export interface LivesNeeds {
  readonly world: World
  readonly wiretap: Wiretap
  readonly accounts: readonly number[]
  readonly env: Readonly<Record<string, string>>
  readonly secret: RegExp
  /** Ends the daemon at a step of saving a clip. */
  readonly trap: StepTrap
  /** A directory that keeps what the daemon wrote. */
  readonly keep: string | undefined
  /** Aborted when a person has had enough; at a terminal the daemon hears of that as well. */
  readonly signal: AbortSignal
  readonly tell: (what: string) => void
}

/** How long a kill waits for its moment, in milliseconds. */
const momentWithinMs = 6_000
/** A clip is not always on its way. */
const stepWithinMs = 30_000
/** Longer than any stop should take; then it is killed, and the stop has failed. */
const stopWithinMs = 20_000

export function livesOf(needs: LivesNeeds): Lives {
  const { world, wiretap, accounts, env, secret, trap, keep, signal, tell } = needs
  const { cloud } = world
  const all: Life[] = []
  const logs: LogRead[] = []
  const disks: OnDisk[] = []
  const signIns: SignIn[] = []
  const lines = new Map(accounts.map((account) => [account, cloud.tokens(account)]))
  let current: { readonly life: Life; readonly program: Program; readonly read: Promise<void> } | undefined

  /** A person signs the accounts in that need it, as they would: while nobody is using the directory. */
  const signIn = () => {
    for (const account of new Set(logs.at(-1)?.signedOut)) {
      cloud.signIn(account)
      lines.set(account, cloud.tokens(account))
      signIns.push({ account, at: Date.now() })
    }
  }

  const readAfter = async (life: Life, program: Program) => {
    const { code, signal: by }: Ended = await program.ended
    life.endedAt = Date.now()
    life.exitCode = code
    // By the trap, within the program.
    if (life.end === 'running' && by === 'SIGKILL') life.end = 'killed'
    if (life.end === 'running') life.end = signal.aborted && code === 0 ? 'stopped' : 'crashed'
    // Until a program has said what to do on SIGTERM, the system ends it; it has touched nothing by then.
    if (life.end === 'stopped' && by === 'SIGTERM' && program.stderr() === '') life.end = 'unborn'
    if (life.end === 'crashed') tell(`the daemon ended by itself with ${code ?? by}:\n${program.stderr()}`)
    const written = program.stderr() + program.stdout().replaceAll(/^(?=.)/gm, 'stdout: ')
    if (keep) writeFileSync(join(keep, `life-${logs.length + 1}.log`), written)
    logs.push(readLog(written, { secret, cutOff: by === 'SIGKILL' }))
    disks.push(readDisk(world.dataDir))
  }

  const take = () => {
    const taken = current
    current = undefined
    return taken
  }

  return {
    all,
    logs,
    disks,
    signIns,

    start(start, extra = {}) {
      signIn()
      const program = world.start(['run'], {
        ...env,
        ...trap.env,
        BLINK_TOKENS: [...lines.values()].join('\n'),
        SCHEDULE_CRON: `*/${start.everySeconds} * * * * *`,
        BLINK_PER_ACCOUNT: String(start.perAccount),
        ...extra,
      })
      const life: Life = {
        startedAt: Date.now(),
        endedAt: Number.POSITIVE_INFINITY,
        start,
        end: 'running',
        moment: undefined,
        exitCode: null,
        stopMs: undefined,
      }
      all.push(life)
      current = { life, program, read: readAfter(life, program) }
    },

    waitingNow() {
      try {
        const { waiting, others } = readDisk(world.dataDir)
        return waiting.length + others
      } catch {
        // Copied in the middle of a change.
        return undefined
      }
    },

    async runs(count) {
      await current?.program.says('run done', count).catch(() => undefined)
    },

    async kill(moment, lateMs) {
      const taken = take()
      if (!taken) return
      const { life, program, read } = taken
      const strike = () => {
        if (life.end === 'running') life.end = 'killed'
        program.kill('SIGKILL')
      }
      if (isStep(moment)) {
        trap.arm(moment)
        const late = pause(stepWithinMs, false, { ref: false })
        const came = await Promise.race([program.ended.then(({ signal: by }) => by === 'SIGKILL'), late])
        trap.disarm()
        life.moment = came ? moment : 'any'
        strike()
        await read
        return
      }
      const came = await momentComes(moment, { cloud, wiretap, strike, lateMs })
      if (life.end === 'running') life.moment = came ? moment : 'any'
      else life.moment = moment
      strike()
      await read
    },

    async stop() {
      const taken = take()
      if (!taken) return
      const { life, program, read } = taken
      const begun = performance.now()
      if (life.end === 'running') life.end = 'stopped'
      program.kill('SIGTERM')
      const late = pause(stopWithinMs, undefined, { ref: false }).then(() => program.kill('SIGKILL'))
      await Promise.race([read, late])
      await read
      life.stopMs = Math.round(performance.now() - begun)
    },
  }
}

function isStep(moment: KillMoment): moment is ClipStep {
  return clipSteps.some((step) => step === moment)
}

interface Ambush {
  readonly cloud: Simulator
  readonly wiretap: Wiretap
  readonly strike: () => void
  readonly lateMs: number
}

/** Resolves with whether the moment came in time; then, or at latest then, the daemon is to be killed. */
async function momentComes(
  moment: Exclude<KillMoment, ClipStep>,
  { cloud, wiretap, strike, lateMs }: Ambush,
): Promise<boolean> {
  const asked = () => cloud.calls.findLast(({ kind }) => kind === 'manifest-request')
  const before = asked()
  switch (moment) {
    case 'any':
      return true
    case 'in-request':
      cloud.misbehave({ kind: 'slow', delayMs: 60, path: '/manifest/request', count: 1 })
      if (!(await comes(() => asked() !== before))) return false
      await pause(lateMs * 4)
      return true
    case 'after-answer':
      if (!(await comes(() => asked() !== before))) return false
      await pause(lateMs / 2)
      return true
    default: {
      const { promise: sprung, resolve } = Promise.withResolvers<true>()
      wiretap.trap(moment === 'before-puback' ? 'before' : 'after', () => {
        if (moment === 'before-puback' || lateMs < 4) strike()
        resolve(true)
      })
      const late = pause(momentWithinMs, false as const, { ref: false })
      const came = await Promise.race([sprung, late])
      wiretap.untrap()
      if (came) await pause(lateMs / 4)
      return came
    }
  }
}

/** Looks as often as the event loop allows: a moment here is a few milliseconds long. */
async function comes(look: () => boolean): Promise<boolean> {
  const giveUpAt = performance.now() + momentWithinMs
  while (!look()) {
    if (performance.now() > giveUpAt) return false
    await pause(1)
  }
  return true
}
