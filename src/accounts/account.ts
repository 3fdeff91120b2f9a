/**
 * One account of the daemon: its ticks, one at a time, and the state that is published of it.
 */
import { type Clock, thisMoment } from '../domain/clock.ts'
import { DaemonError } from '../domain/errors.ts'
import { accountStatusOf, explain, needsPerson } from '../domain/failure.ts'
import type {
  AccountStatus,
  BlinkId,
  Failure,
  Login,
  ModuleChanges,
  ModuleReport,
  Selection,
  SkipReason,
  Slot,
  SyncModule,
  TickReport,
  Trigger,
} from '../domain/model.ts'
import type { Cloud, Ledger, Log } from '../domain/ports.ts'
import { leastPauseMs } from '../domain/retry-policy.ts'
import { runTick } from '../scheduler/account-run.ts'
import type { Turns } from '../scheduler/turns.ts'
import type { AccountState } from '../topics/bridge-state.ts'
import { type Guard, guarded, type Pause } from './circuit-breaker.ts'

/** The account at the cloud; its id may have to be asked for first. */
export interface AccountCloud extends Cloud {
  /** The account's id, from the login or from the cloud. */
  identify(signal: AbortSignal): Promise<{ readonly accountId: BlinkId }>
}

export interface AccountNeeds {
  /** Names the login, as long as the account's id is not known. */
  readonly loginKey: string
  readonly accountId: BlinkId | undefined
  readonly cloud: AccountCloud
  readonly guard: Guard
  readonly ledger: Ledger
  /** Whose turn it is to be asked. A command needs none: a person waits for it. */
  readonly turns: Turns
  readonly clock: Clock
  readonly log: Log
  readonly reasonToSkip: (module: SyncModule, trigger: Trigger) => SkipReason | undefined
  /** Whether the answers of a moment ago will do for all modules, so that the cloud need not be asked at all. */
  readonly isAnswered: (accountId: BlinkId, trigger: Trigger) => boolean
  readonly ttlMs: number
  readonly parallel: number
  /** Told what a new list of its modules has changed. */
  readonly listed: (changes: ModuleChanges) => void
  readonly tell: (report: ModuleReport, slot: Slot) => void
  /** Told when a tick is over, however it went. */
  readonly ticked: (slot: Slot) => void
  /** Told when the account's published state has changed. */
  readonly changed: (account: Account) => void
  readonly stopping: AbortSignal
  readonly abort: AbortSignal
}

/** What a tick came to; without a report when not even the account's id could be learned. */
export interface AccountTick {
  readonly loginKey: string
  readonly report: TickReport | undefined
  readonly failure: Failure | undefined
  readonly status: AccountStatus
}

export interface Account {
  readonly loginKey: string
  readonly accountId: BlinkId | undefined
  readonly state: AccountState
  /** Asks the account's modules; `undefined` when its last tick is still running. */
  tick(slot: Slot): Promise<AccountTick | undefined>
  /**
   * Asks some of them, after what is under way now; `choose` is called when its turn has come.
   *
   * `undefined` when there was nothing to choose.
   */
  command(slot: Slot, choose: () => Selection | undefined): Promise<AccountTick | undefined>
}

/** What is known of a login's refusal from before. */
type Refused = Pick<Login, 'refusedFor' | 'unusable'> & Partial<Pick<Login, 'refusedAt'>>

const ignore = () => undefined

/** How an account is asked. */
interface Asking {
  /** On which a tick pauses. */
  readonly clock: Clock
  /** Absent for all modules of a new list. */
  readonly selection: Selection | undefined
}

/** Each module has its turn, in which it is told that it was asked a moment ago. */
const nobody: Selection = { list: false, wants: () => true }

/** An account in the state that is known before the cloud has been asked. */
export function openAccount(needs: AccountNeeds, refused: Refused): Account {
  const { clock, guard, log } = needs
  let accountId = needs.accountId
  let running = false
  /** When a tick failed last, by the clock's elapsed milliseconds. */
  let failedAt = Number.NEGATIVE_INFINITY
  let last: Promise<unknown> = Promise.resolve()
  const opened = thisMoment(clock)
  let state = firstState(guard.pause, refused, opened())
  const { refusedAt } = refused
  let since = refusedAt === undefined ? opened : () => refusedAt

  const become = (status: AccountStatus, failure: Failure | undefined) => {
    const detail = failure && [failure.message, failure.remedy].filter(Boolean).join('. ')
    const retryAt = failure?.retryAt
    if (state.status === status && state.detail === detail && state.retryAt === retryAt) return
    if (state.status !== status) since = thisMoment(clock)
    if (state.status !== status) {
      const fields = { account_id: accountId, login: needs.loginKey, state: status, detail }
      if (needsPerson(status)) log.error(fields, 'account needs a person to sign in')
      else if (status === 'ok') log.info(fields, 'account works again')
      else log.warn(fields, 'account cannot be asked')
    }
    state = { status, since: since(), detail, retryAt }
    needs.changed(account)
  }

  async function ask(slot: Slot, { clock, selection }: Asking): Promise<AccountTick | undefined> {
    const { loginKey } = needs
    try {
      // Known after the first time; then this asks nobody.
      accountId ??= (await guard.through(() => needs.cloud.identify(needs.abort))).accountId
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      const failure = explain(error, clock.now())
      const status = accountStatusOf(error)
      become(status, failure)
      return { loginKey, report: undefined, failure, status }
    }
    if (guard.retired.aborted) return undefined
    const { ledger, reasonToSkip, ttlMs, parallel, stopping, abort, listed, tell } = needs
    const report = await runTick(slot, {
      accountId,
      cloud: guarded(needs.cloud, guard),
      ledger,
      clock,
      reasonToSkip: (module) => reasonToSkip(module, slot.trigger),
      ttlMs,
      parallel,
      selection,
      listed,
      tell: (module) => tell(module, slot),
      stopping,
      abort,
    })
    if (guard.retired.aborted) return { loginKey, report, failure: undefined, status: state.status }
    // A tick in which not even the list came says nothing about the cloud's mood.
    const wasGood = report.account.status === 'ok' && report.changes
    if (wasGood && (!selection || report.modules.length > 0)) await guard.close()
    const { changes, modules } = report
    const { status, failure } = report.account
    // Where nobody was asked, nothing was learned.
    if (changes || failure || modules.some(({ attempts }) => attempts > 0)) become(status, failure)
    return { loginKey, report, failure, status }
  }

  /** A tick on start may fail a moment before a slot, which is no reason for the slot to ask in the same moment. */
  async function afterFailure(): Promise<void> {
    const restMs = failedAt + leastPauseMs - clock.elapsed()
    if (restMs > 0) await clock.sleep(restMs, needs.stopping).catch(() => undefined)
  }

  function isAnswered({ trigger }: Slot): boolean {
    return accountId !== undefined && needs.isAnswered(accountId, trigger)
  }

  /** What is left of the slot's time when it is the account's turn. */
  async function turnOf(slot: Slot): Promise<AccountTick | undefined> {
    const begun = clock.elapsed()
    await afterFailure()
    const tick = await needs.turns.take((pausing) => {
      const budgetMs = slot.budgetMs - (clock.elapsed() - begun)
      return ask({ ...slot, budgetMs }, { clock: pausing, selection: isAnswered(slot) ? nobody : undefined })
    }, needs.stopping)
    if (tick && hasFailed(tick)) failedAt = clock.elapsed()
    return tick
  }

  /** One after another: no module may ever have two commands at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work)
    // Only its end is waited for: what it came to, a report on every module, is not to be kept until the next one.
    last = turn.then(ignore, ignore)
    return turn
  }

  const account: Account = {
    loginKey: needs.loginKey,
    get accountId() {
      return accountId
    },
    get state() {
      return { ...state, since: since() }
    },
    async tick(slot) {
      if (needs.stopping.aborted) return undefined
      if (running) {
        log.warn({ account_id: accountId, tick: slot.tickId }, 'tick skipped: the last one is still running')
        return undefined
      }
      running = true
      try {
        return await inTurn(() => turnOf(slot))
      } finally {
        running = false
        needs.ticked(slot)
      }
    },
    command: (slot, choose) =>
      inTurn(async () => {
        const selection = choose()
        return selection && ask(slot, { clock, selection })
      }),
  }
  return account
}

/** Whether anything that was asked for did not come. */
function hasFailed({ failure, report }: AccountTick): boolean {
  if (failure) return true
  return report?.modules.some(({ kind, attempts }) => kind === 'failed' && attempts > 0) ?? false
}

function firstState(
  pause: Pause | undefined,
  { refusedAt, refusedFor = 'login_required', unusable }: Refused,
  now: number,
): AccountState {
  if (refusedAt !== undefined) {
    const wants = refusedFor === 'login_required' ? 'refused the refresh token' : 'wants a code first'
    return {
      status: refusedFor,
      since: refusedAt,
      detail: unusable ? `${unusable.message}. ${unusable.remedy}` : `the cloud ${wants}. Sign in again`,
      retryAt: undefined,
    }
  }
  if (pause)
    return { status: 'throttled', since: now, detail: `${pause.says}. ${pause.remedy}`, retryAt: pause.until }
  return { status: 'ok', since: now, detail: undefined, retryAt: undefined }
}
