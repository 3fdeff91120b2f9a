/**
 * A cloud that answers from a script, a ledger that takes its time, and a journal of what both saw.
 *
 * The cloud fails the test by itself: a request that the script does not foresee is a bug that nobody catches.
 */
import {
  AccountThrottled,
  CloudRefused,
  CloudUnreachable,
  LoginNeeded,
  ModuleBusy,
  StoreFailed,
} from '../../src/domain/errors.ts'
import type { AccountRunReport, ModuleReport, Run, SkipReason, SyncModule } from '../../src/domain/model.ts'
import { keyOf } from '../../src/domain/model.ts'
import { afterReport, noProgress } from '../../src/domain/module-history.ts'
import type { Cloud } from '../../src/domain/ports.ts'
import { type AccountRunNeeds, runAccount } from '../../src/scheduler/account-run.ts'
import { bareAccount } from './account-fixture.ts'
import { type FakeClock, fakeClock, settle } from './fake-clock.ts'
import { aModule } from './samples.ts'

/** The id that comes back, or what is thrown. */
export type Answer = string | Error

export const busy = new ModuleBusy('manifest request: 409', {
  outcome: 'not-done',
  status: 409,
  bodyCode: 307,
})
export const notSent = new CloudUnreachable('no connection', { outcome: 'not-done' })
export const answerLost = new CloudUnreachable('connection lost', { outcome: 'unknown' })
export const refused = new CloudRefused('manifest request: 400', { outcome: 'not-done', status: 400 })
export const throttled = new AccountThrottled('too many requests', {
  outcome: 'not-done',
  status: 429,
  retryAfterMs: 300_000,
})
export const loginNeeded = new LoginNeeded('token refused', { outcome: 'not-done', remedy: 'Sign in again.' })
export const diskFull = new StoreFailed('cannot write to state.db', {
  remedy: 'The disk is full: make room.',
})

const scheduledRun: Run = {
  tickId: '2026-11-23T09:00:00.000Z',
  trigger: 'schedule',
  budgetMs: 299_000,
}

/** Modules of these names, each with ids of its own. */
export function modulesNamed(...names: readonly string[]): SyncModule[] {
  return names.map((name, index) =>
    aModule({ name, networkId: String(100 + index), syncModuleId: String(500 + index) }),
  )
}

export interface Play {
  readonly clock?: FakeClock
  /** What each module answers, one answer for each request; each is requested as often, and no more. */
  readonly answers?: Readonly<Record<string, readonly Answer[]>>
  readonly modules?: readonly SyncModule[]
  /** How requests for the list fail, before one succeeds. */
  readonly discovery?: readonly Error[]
  /** Modules of the last list. */
  readonly known?: readonly SyncModule[]
  /** How long an answer takes. */
  readonly answerMs?: number | ((name: string) => number)
  /** Thrown instead of storing these reports. */
  readonly refusesToStore?: (report: ModuleReport) => Error | undefined
  readonly refusesList?: Error
  /** Says, before each attempt, why an answer might not be stored. */
  readonly trouble?: (stored: number) => StoreFailed | undefined
  readonly run?: Partial<Run>
  readonly skipReason?: (module: SyncModule) => SkipReason | undefined
  readonly parallel?: number
  readonly stopping?: AbortSignal
  readonly abort?: AbortSignal
  /** In place of the script. */
  readonly cloud?: Cloud
  readonly moduleFinished?: (report: ModuleReport) => void
}

export interface Played {
  readonly clock: FakeClock
  readonly running: Promise<AccountRunReport>
  /** `listed Hall Barn`, `request Hall`, `answered Hall`, `stored Hall`, in order; with `at` the elapsed milliseconds. */
  readonly journal: readonly { readonly what: string; readonly at: number }[]
  readonly stored: readonly ModuleReport[]
  readonly reported: readonly ModuleReport[]
  readonly mostAtOnce: number
  readonly twiceAtOnce: boolean
  /** When a module was requested. */
  requestedAt(name: string): readonly number[]
  /** Lets time pass until the account run is over. */
  end(): Promise<AccountRunReport>
}

/** Starts an account run. */
export function play({
  clock = fakeClock(),
  answers = {},
  answerMs = 0,
  discovery = [],
  ...rest
}: Play): Played {
  const modules = rest.modules ?? modulesNamed(...Object.keys(answers))
  const left = new Map(Object.entries(answers).map(([name, list]) => [name, [...list]]))
  const failures = [...discovery]
  const journal: { what: string; at: number }[] = []
  const stored: ModuleReport[] = []
  const reported: ModuleReport[] = []
  const inFlight: string[] = []
  let mostAtOnce = 0
  let twiceAtOnce = false
  const note = (what: string) => journal.push({ what, at: clock.elapsed() })

  const cloud: Cloud = {
    async discover() {
      note('discover')
      const failure = failures.shift()
      if (failure) throw failure
      return modules
    },
    async requestManifest(key) {
      const { name } =
        [...modules, ...(rest.known ?? [])].find((module) => keyOf(module) === keyOf(key)) ?? aModule()
      note(`request ${name}`)
      if (inFlight.includes(keyOf(key))) twiceAtOnce = true
      inFlight.push(keyOf(key))
      mostAtOnce = Math.max(mostAtOnce, inFlight.length)
      const waitMs = typeof answerMs === 'number' ? answerMs : answerMs(name)
      if (waitMs > 0) await clock.sleep(waitMs)
      inFlight.splice(inFlight.indexOf(keyOf(key)), 1)
      const answer = left.get(name)?.shift() ?? new Error(`the script has no answer for ${name}`)
      if (answer instanceof Error) throw answer
      note(`answered ${name}`)
      return {
        requestId: answer,
        pollPath: `/manifest/${answer}`,
        pollUrl: `https://rest.test/manifest/${answer}`,
      }
    },
  }
  const ledger: AccountRunNeeds['ledger'] = {
    get trouble() {
      return rest.trouble?.(stored.length)
    },
    modulesOf: async () => rest.known ?? [],
    async seen() {
      await turn()
      if (rest.refusesList) throw rest.refusesList
      return { found: modules, renamed: [], altered: modules, gone: [] }
    },
    async record(report) {
      await turn()
      const refusal = rest.refusesToStore?.(report)
      if (refusal) throw refusal
      note(`stored ${report.module.name}`)
      stored.push(report)
      return afterReport(noProgress, report)
    },
  }
  const never = new AbortController().signal
  const running = runAccount(
    bareAccount(clock, { cloud: rest.cloud ?? cloud }),
    { run: { ...scheduledRun, ...rest.run } },
    {
      ledger,
      observer: {
        modulesListed: (_, { found }) => note(`listed ${found.map(({ name }) => name).join(' ')}`),
        moduleFinished(report) {
          rest.moduleFinished?.(report)
          reported.push(report)
        },
        accountRunFinished: () => undefined,
      },
      skipReason: async (module) => rest.skipReason?.(module),
      request: { ttlMs: 600_000, parallel: rest.parallel ?? 1 },
      signals: { stopping: rest.stopping ?? never, abort: rest.abort ?? never },
      clock,
    },
  )
  return {
    clock,
    running,
    journal,
    stored,
    reported,
    get mostAtOnce() {
      return mostAtOnce
    },
    get twiceAtOnce() {
      return twiceAtOnce
    },
    requestedAt: (name) => journal.flatMap(({ what, at }) => (what === `request ${name}` ? [at] : [])),
    end: () => finish(running, clock),
  }
}

/** Lets time pass, a second at a time, until this is over; an hour is too long for anything here. */
export async function finish<T>(promise: Promise<T>, clock: FakeClock): Promise<T> {
  const over = new AbortController()
  const end = () => over.abort()
  promise.then(end, end)
  for (let second = 0; second < 3_600 && !over.signal.aborted; second++) {
    await settle()
    if (!over.signal.aborted && clock.sleeping > 0) await clock.advance(1_000)
  }
  if (!over.signal.aborted) throw new Error('not over after an hour')
  return promise
}

/** The outcome of each module, by name. */
export function outcomes({ modules }: AccountRunReport): Record<string, string> {
  return Object.fromEntries(
    modules.map((report) => [report.module.name, report.kind === 'requested' ? 'requested' : report.outcome]),
  )
}

/** One more round of the event loop, as a disk takes. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
