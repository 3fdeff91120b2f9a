/**
 * The state as it is now: accounts, modules, the next runs, health. What every page, topic and command shows.
 */
import { type FollowSettings, followsManifests, type Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import { ineligibility, isReadableDrive, isWanted } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import { needsPerson } from '../domain/failure.ts'
import type { ShownAccounts } from '../domain/fleet.ts'
import type { BrokerState, Health, ModuleKey, ModuleRecord, ModuleSnapshot } from '../domain/model.ts'
import type { StatusReader, Storage } from '../domain/ports.ts'
import type { Timetable } from './timetable.ts'

export interface StatusNeeds {
  readonly version: string
  readonly registry: ShownAccounts
  readonly storage: Pick<Storage, 'ledger' | 'pauses'> & {
    readonly outbox: Pick<Storage['outbox'], 'count'>
    readonly clips: Pick<Storage['clips'], 'module' | 'totals' | 'storageReading' | 'camera'>
  }
  readonly settings: FollowSettings & Pick<Settings, 'modules'>
  readonly times: Timetable
  readonly broker: { readonly state: BrokerState }
  readonly clock: Clock
}

export function statusReader(needs: StatusNeeds): StatusReader {
  const { registry, storage, settings, times, broker, clock } = needs
  const { ledger, outbox, pauses } = storage
  const rules = settings.modules
  const clips = followsManifests(settings) ? storage.clips : undefined
  const cameras = settings.clips.enabled ? storage.clips : undefined
  const begun = clock.elapsed()

  /** Credentials that do not name their account may be those of any module we know. */
  const mayBeActive = ({ accountId }: ModuleKey) =>
    registry.get(accountId) !== undefined || registry.unidentified.length > 0
  const isShown = (key: ModuleKey) => isWanted(key, rules) && mayBeActive(key)

  async function clipsOf(key: ModuleKey): Promise<ModuleSnapshot['clips']> {
    const kept = await clips?.module(key)
    return kept && clips && { ...kept.counts, ...(await clips.totals(key)) }
  }

  async function driveOf({ module, missing }: ModuleRecord): Promise<ModuleSnapshot['drive']> {
    if (missing > 0 || !isReadableDrive(module.storage)) return undefined
    return clips?.storageReading(module)
  }

  function snapshot(record: ModuleRecord, paused: boolean): ModuleSnapshot {
    const { module, missing } = record
    const { status: accountStatus, retryAt = 0 } = registry.get(module.accountId)?.snapshot ?? {
      status: 'login_required' as const,
    }
    const eligible = missing === 0 && ineligibility(module, rules) === undefined
    const isDue = eligible && !paused && !needsPerson(accountStatus)
    const runs = times.next().map((at) => at + times.offsetOf(module.accountId))
    return {
      record,
      available: eligible && accountStatus === 'ok',
      paused,
      accountStatus,
      intervalMs: times.intervalMs(),
      // A pause that outlasts both runs leaves it open: the account's own state says when the pause ends.
      nextAttemptAt: isDue ? runs.find((at) => at >= retryAt) : undefined,
    }
  }

  /** A disk that fails is what somebody who asks wants to know, so it does not keep the rest from being shown. */
  async function storeHealth(): Promise<Pick<Health, 'store' | 'modules' | 'waiting'>> {
    try {
      const { trouble } = ledger
      const store = { state: trouble ? 'failing' : 'ok', detail: trouble?.message } as const
      return { store, modules: await ledger.count(), waiting: await outbox.count() }
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return { store: { state: 'failing', detail: error.message }, modules: undefined, waiting: undefined }
    }
  }

  return {
    accounts: async () => registry.accounts.map((account) => account.snapshot),
    account: async (accountId) => registry.get(accountId)?.snapshot,
    moduleKeys: async (accountId) => (await ledger.keys(accountId)).filter(isShown),
    async module(key) {
      if (!isShown(key)) return undefined
      const record = await ledger.read(key)
      if (!record) return undefined
      const paused = await pauses.isPaused(key)
      return { ...snapshot(record, paused), clips: await clipsOf(key), drive: await driveOf(record) }
    },
    async camera(key) {
      const camera = await cameras?.camera(key)
      const isThere = camera && !camera.moved && isShown(camera) && (await ledger.read(camera))
      return isThere ? camera : undefined
    },
    nextRuns: () => times.next(),
    isComplete: async () =>
      registry.unidentified.length === 0 &&
      registry.accounts.every((account) => account.snapshot.status === 'ok'),
    health: async () => ({
      version: needs.version,
      uptimeMs: clock.elapsed() - begun,
      nextRunAt: times.next()[0],
      broker: broker.state,
      accounts: registry.accounts.map((account) => account.snapshot),
      ...(await storeHealth()),
    }),
  }
}
