/** An account over a scripted cloud, storage in memory and a clock that all fail as the test says. */
import { type Account, type AccountNeeds, openAccount, openLimits } from '../../src/accounts/account.ts'
import { createModuleLock } from '../../src/accounts/module-lock.ts'
import type { HttpCall } from '../../src/blink/api.ts'
import type {
  AccountRunReport,
  AccountStatus,
  CloudCall,
  Credentials,
  Spent,
} from '../../src/domain/model.ts'
import { createNotifier } from '../../src/domain/notifier.ts'
import type { ClipCloud, Cloud, CredentialStore, LimitStore, Observer } from '../../src/domain/ports.ts'
import { type Breaker, closedBreaker, longerOf } from '../../src/domain/retry-policy.ts'
import { createRunner, type Runner, type RunnerNeeds } from '../../src/scheduler/runner.ts'
import type { Timetable } from '../../src/scheduler/timetable.ts'
import { type Answered, type Reply, scripted, someCredentials } from './blink-scripted.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { memoryLedger } from './memory-ledger.ts'
import { aModule, readableLog } from './samples.ts'
import { finish } from './scripted.ts'

/** A budget that is never used up. */
export const unlimited = {
  limit: Number.POSITIVE_INFINITY,
  usedUpUntil: undefined,
  spend: () => undefined,
  refund: () => undefined,
}

/** What the cloud says instead of a good answer, and what the disk refuses. */
export interface Trouble {
  token?: Answered | undefined
  tier?: Answered | undefined
  homescreen?: Answered | undefined
  manifest?: Answered | undefined
  record?: Error | undefined
  save?: Error | undefined
}

export const throttledAnswer: Answered = [429, {}, '300']
export const refusedAnswer: Answered = [404, { code: 999 }]
/** The token is withdrawn. */
export const withdrawnAnswer: Answered = [400, { error: 'invalid_grant' }]

/** Limits in memory. */
function memoryLimits(): LimitStore & { readonly breakers: Breaker[]; refuses: Error | undefined } {
  const breakerOf = new Map<string, Breaker>()
  const spentOf = new Map<string, Spent>()
  const modulesOf = new Map<string, number>()
  const breakers: Breaker[] = []
  const limits = {
    breakers,
    refuses: undefined as Error | undefined,
    breaker: async (account: string) => breakerOf.get(account) ?? closedBreaker,
    async saveBreaker(account: string, breaker: Breaker) {
      if (limits.refuses) throw limits.refuses
      breakerOf.set(account, breaker)
      breakers.push(breaker)
    },
    spent: async (account: string) => spentOf.get(account),
    async saveSpent(account: string, spent: Spent) {
      if (limits.refuses) throw limits.refuses
      spentOf.set(account, spent)
    },
    moduleCount: async (account: string) => modulesOf.get(account),
    async saveModuleCount(account: string, count: number) {
      if (limits.refuses) throw limits.refuses
      modulesOf.set(account, count)
    },
    async remove(account: string) {
      for (const map of [breakerOf, spentOf, modulesOf]) map.delete(account)
    },
    async move(key: string, accountId: string) {
      breakerOf.set(accountId, longerOf(await limits.breaker(accountId), await limits.breaker(key)))
      const spent = spentOf.get(key)
      if (spent) spentOf.set(accountId, spent)
      for (const map of [breakerOf, spentOf, modulesOf]) map.delete(key)
    },
  }
  return limits
}

/** Credentials in memory. */
export function memoryCredentials(...there: readonly Credentials[]): CredentialStore {
  const kept = new Map(there.map((one) => [one.key, one]))
  const forgotten = new Set<string>()
  let changes = 0
  return {
    list: async () => [...kept.values()],
    async save(credentials) {
      changes++
      if (!forgotten.has(credentials.key)) kept.set(credentials.key, credentials)
    },
    async forget(key) {
      changes++
      forgotten.add(key)
      kept.delete(key)
    },
    forgotten: async () => forgotten,
    changedAt: async () => changes,
  }
}

/** When runs come, by the clock alone: one every `intervalMs`. */
export function steadyTimes(clock: FakeClock, intervalMs = 300_000, offsetMs = 0): Timetable {
  return {
    next() {
      const next = Math.floor(clock.now() / intervalMs + 1) * intervalMs
      return [next, next + intervalMs]
    },
    intervalMs: () => intervalMs,
    offsetOf: () => offsetMs,
  }
}

interface Fixture {
  readonly clock?: FakeClock
  readonly credentials?: Partial<Credentials>
  readonly breaker?: Breaker
  readonly spent?: Spent
  readonly dailyBudget?: number
  /** Answers after this many milliseconds. */
  readonly answerMs?: number
  readonly onCall?: (call: HttpCall) => Reply | Promise<Answered | undefined> | undefined
}

/** What the parts of an account need, and what became of them. */
export async function accountNeeds({ clock = fakeClock(), answerMs = 0, ...rest }: Fixture = {}) {
  const { dailyBudget = 0, breaker, spent } = rest
  const log = readableLog()
  const trouble: Trouble = {}
  const states: AccountStatus[] = []
  const removed: string[] = []
  const calls: CloudCall[] = []
  let tokens = 0
  const http = scripted(async (call): Promise<Answered> => {
    if (answerMs > 0) await clock.sleep(answerMs)
    const reply = await rest.onCall?.(call)
    if (reply) return reply
    switch (call.kind) {
      case 'token': {
        const number = ++tokens
        const body = {
          access_token: `access-${number}`,
          refresh_token: `refresh-${number}`,
          expires_in: 3_600,
        }
        return trouble.token ?? [200, body]
      }
      case 'tier_info':
        return trouble.tier ?? [200, { tier: 'e008', account_id: 8021 }]
      case 'homescreen':
        return trouble.homescreen ?? [200, homescreen]
      default:
        return trouble.manifest ?? [200, { id: 501, network_id: 44107 }]
    }
  })
  const limits = memoryLimits()
  if (breaker) await limits.saveBreaker('8021', breaker)
  if (spent) await limits.saveSpent('8021', spent)
  limits.breakers.length = 0
  const credentials = memoryCredentials()
  const notifier = createNotifier(log)
  notifier.add({
    accountChanged: ({ status }) => states.push(status),
    accountRemoved: (accountId) => removed.push(accountId),
    requestFinished: (call) => calls.push(call),
  })
  const needs = {
    http,
    settings: {
      blink: { oauthUrl: 'https://oauth.test', restUrl: 'https://rest-{region}.test', dailyBudget },
      clips: { dailyBudget: 0 },
    },
    runsPerDay: 288,
    moduleLock: createModuleLock(),
    storage: { credentials, limits, installation: { installId: '00000000', hardwareId: 'OUR-OWN' } },
    observer: notifier,
    clock,
    log,
  } satisfies AccountNeeds & { observer: Required<Observer> }
  /** What was sent, in order. */
  const sent = () => http.calls.map(({ kind }) => kind)
  return {
    ...{ needs, clock, log, trouble, states, removed, calls, limits, credentials, http, notifier },
    sent,
  }
}

const homescreen = {
  networks: [{ id: 44107, name: 'Home' }],
  sync_modules: [{ id: 350221, network_id: 44107, name: 'Hall', status: 'online', onboarded: true }],
}

/** An account with one sync module, and runs of it. */
export async function accountFixture(fixture: Fixture = {}) {
  const parts = await accountNeeds(fixture)
  const { needs, clock, trouble, notifier } = parts
  const credentials = { ...someCredentials(fixture.credentials), accountId: '8021' }
  await parts.credentials.save(credentials)
  const account = openAccount(needs, { credentials, limits: await openLimits(needs, '8021') })
  parts.limits.refuses = trouble.save
  const { runner, reports, stop } = runnerOf([account], { ...parts, trouble })
  const run = async (): Promise<AccountRunReport | undefined> => {
    const before = reports.length
    await finish(runner.run('schedule'), clock)
    return reports[before]
  }
  return { ...parts, notifier, account, runner, reports, stop, run }
}

interface Parts extends Pick<Awaited<ReturnType<typeof accountNeeds>>, 'clock' | 'log' | 'notifier'> {
  readonly trouble?: Trouble
  readonly times?: Timetable
  /** Requests in flight at the same time; four times as many accounts are in work. */
  readonly concurrency?: number
  readonly parallel?: number
  readonly registry?: RunnerNeeds['registry']
  /** Holds back runs at startup. */
  readonly mayStart?: () => Promise<void>
}

/** A runner of these accounts over a ledger in memory; `reports` has those of all account runs. */
export function runnerOf(accounts: readonly Account[], { clock, log, notifier, trouble, ...rest }: Parts) {
  const reports: AccountRunReport[] = []
  notifier.add({ accountRunFinished: (report) => reports.push(report) })
  const stopping = new AbortController()
  const abort = new AbortController()
  const runner: Runner = createRunner({
    settings: {
      blink: { concurrency: rest.concurrency ?? 8, perAccount: rest.parallel ?? 1 },
      modules: { include: [], exclude: [], askAll: false },
      request: { ttlSeconds: 600 },
    },
    storage: {
      ledger: memoryLedger({ refuses: () => trouble?.record }),
      pauses: { isPaused: async () => false, set: async () => undefined },
      starts: {
        lastAt: async () => undefined,
        note: async () => rest.mayStart?.(),
      },
    },
    registry: rest.registry ?? {
      accounts,
      unidentified: [],
      identify: () => Promise.reject(new Error('all accounts are known')),
    },
    times: rest.times ?? steadyTimes(clock),
    observer: notifier,
    signals: { stopping: stopping.signal, abort: abort.signal },
    clock,
    log,
  })
  const stop = () => {
    stopping.abort(new Error('stopped'))
    abort.abort(new Error('stopped'))
  }
  return { runner, reports, stop }
}

interface Bare {
  readonly accountId?: string
  readonly cloud?: Cloud
}

/** An account without limits over a cloud of the test's. */
export function bareAccount(
  clock: FakeClock,
  { accountId = '8021', cloud = quietCloud }: Bare = {},
): Account {
  let snapshot = {
    accountId,
    status: 'ok' as AccountStatus,
    since: clock.now(),
    detail: undefined,
    retryAt: undefined as number | undefined,
  }
  let last: Promise<unknown> = Promise.resolve()
  return {
    accountId,
    cloud,
    clips: noClips,
    holdModule: (_module, work) => work(),
    session: {
      credentials: someCredentials({ accountId }),
      kept: someCredentials({ accountId }),
      access: undefined,
      accessToken: () => Promise.reject(new Error('no token is needed here')),
      tokenRefused: () => false,
      tokenAccepted: () => undefined,
      learn: async () => undefined,
      settled: async () => undefined,
    },
    breaker: { pause: undefined, isOpen: false, close: async () => undefined, adopt: async () => undefined },
    budget: { spent: 0, limit: Number.POSITIVE_INFINITY },
    get snapshot() {
      return snapshot
    },
    removed: new AbortController().signal,
    exclusively(work) {
      const mine = last.then(work)
      last = mine.catch(() => undefined)
      return mine
    },
    become(status, failure) {
      snapshot = { ...snapshot, status, retryAt: failure?.retryAt }
    },
    signIn: () => undefined,
    remove: () => undefined,
    lost: new AbortController().signal,
    lose: () => undefined,
  }
}

/** A cloud with one module, whose every request is answered at once. */
export const quietCloud: Cloud = {
  discover: async () => [aModule()],
  requestManifest: async () => ({ requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }),
}

const unexpected = () => Promise.reject(new Error('this test requests no clips'))
const noClips: ClipCloud = {
  requestManifest: unexpected,
  manifest: unexpected,
  requestClip: unexpected,
  command: unexpected,
  fetchClip: unexpected,
  storageStatus: unexpected,
  cameras: unexpected,
}
