/**
 * How full the drives are: read after an account's runs, for a module at most once in a quarter of an hour.
 *
 * Only modules whose request was accepted are read, when the run is over. Where the next one is near, that one begins
 * first: runs may be so frequent, or so long, that each ends shortly before the next. A reading is worth little, so a
 * failure is a line at debug level, and the next one is tried when the next would be due.
 */
import type { Account } from '../accounts/account.ts'
import { DaemonError } from '../domain/errors.ts'
import { type BlinkId, keyOf, type ModuleKey } from '../domain/model.ts'
import type { ClipLedger, Observer, Runtime } from '../domain/ports.ts'
import { type NextRun, untilQuietIsOver } from './quiet-time.ts'

export interface DriveWatchNeeds extends Runtime {
  readonly ledger: Pick<ClipLedger, 'storageReading' | 'saveStorageReading'>
  readonly account: (accountId: BlinkId) => Account | undefined
  readonly nextRun: (accountId: BlinkId) => NextRun | undefined
  readonly observer: Pick<Required<Observer>, 'moduleChanged'>
}

export interface DriveWatch {
  readonly observer: Observer
  /** Whether nothing of an account is being read. */
  isIdle(accountId: BlinkId): boolean
  stop(): Promise<void>
}

const betweenReadingsMs = 15 * 60_000

export function openDriveWatch(needs: DriveWatchNeeds): DriveWatch {
  const { ledger, account, nextRun, observer, clock, log, fail } = needs
  const stopping = new AbortController()
  const running = new Map<BlinkId, Promise<void>>()
  /** When a module was last tried, by its key, for each account. */
  const tried = new Map<BlinkId, Map<string, number>>()

  async function isDue(key: ModuleKey): Promise<boolean> {
    const last = tried.get(key.accountId)?.get(keyOf(key)) ?? (await ledger.storageReading(key))?.readAt
    const age = clock.now() - (last ?? Number.NEGATIVE_INFINITY)
    // A clock that was set back keeps nobody waiting.
    return age < 0 || age >= betweenReadingsMs
  }

  async function readOne(key: ModuleKey, { clips, removed }: Account): Promise<void> {
    const times = tried.get(key.accountId) ?? new Map<string, number>()
    tried.set(key.accountId, times.set(keyOf(key), clock.now()))
    const before = await ledger.storageReading(key)
    const signal = AbortSignal.any([stopping.signal, removed])
    const { usedPercent, full, warning } = await clips.storageStatus(key, signal)
    await ledger.saveStorageReading(key, { usedPercent, full, warning, readAt: clock.now() })
    const same = before?.usedPercent === usedPercent && before?.full === full && before?.warning === warning
    if (!same) observer.moduleChanged(key, 'storage')
  }

  /** Waits for the next run to have begun, when that is near. */
  async function quietIsOver({ accountId, removed }: Account): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, removed])
    for (;;) {
      const waitMs = untilQuietIsOver(nextRun(accountId), clock.now())
      if (waitMs === 0) return
      await clock.sleep(waitMs, signal)
    }
  }

  async function readAll(accountId: BlinkId, keys: readonly ModuleKey[]): Promise<void> {
    for (const key of keys) {
      const current = account(accountId)
      if (stopping.signal.aborted || !current || current.removed.aborted) return
      try {
        if (!(await isDue(key))) continue
        await quietIsOver(current)
        await readOne(key, current)
      } catch (error) {
        if (stopping.signal.aborted || current.removed.aborted) return
        if (!(error instanceof DaemonError)) throw error
        const { networkId, syncModuleId } = key
        const ids = { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId }
        log.debug({ ...ids, detail: error.message }, 'storage status could not be read')
      }
    }
  }

  return {
    observer: {
      accountRunFinished({ accountId, modules }) {
        if (running.has(accountId)) return
        const keys = modules.flatMap((report) => (report.kind === 'requested' ? [report.module] : []))
        const reading = readAll(accountId, keys)
          .catch(fail)
          .finally(() => running.delete(accountId))
        running.set(accountId, reading)
      },
      accountRemoved: (accountId) => void tried.delete(accountId),
    },
    isIdle: (accountId) => !running.has(accountId),
    async stop() {
      stopping.abort(new Error('stopped'))
      await Promise.all(running.values())
    },
  }
}
