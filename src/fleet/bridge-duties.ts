/**
 * What the holder of the bridge does beside its second connection to the broker: it begins what nobody has a job for.
 *
 * Runs that were left unfinished, accounts that a person has just signed in to, events that their accounts' owners could
 * not deliver, credentials that nobody has used for a day or whose account is not known, and the end of each run.
 */
import type { AccountRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import { DaemonError, LeaseLost, StoreFailed } from '../domain/errors.ts'
import type { SharedStorage } from '../domain/fleet.ts'
import type { Credentials } from '../domain/model.ts'
import type { Observer, Runtime } from '../domain/ports.ts'
import { BridgeLease } from './bridge.ts'
import type { BridgeConnection } from './bridge-connection.ts'
import type { FanOut } from './fan-out.ts'
import type { Jobs } from './jobs.ts'
import { Measured } from './measured.ts'

export interface DutiesNeeds extends Runtime {
  readonly settings: Pick<Settings, 'schedule' | 'blink'>
  /** Of this instance. */
  readonly name: string
  readonly storage: Pick<SharedStorage, 'named' | 'leases' | 'credentials' | 'instances'>
  readonly registry: Pick<AccountRegistry, 'apply' | 'identify' | 'unidentified'>
  readonly jobs: Pick<Jobs, 'wake'>
  readonly fanOut: FanOut
  readonly openBridge: () => Promise<BridgeConnection>
}

/** How often each is looked after, in milliseconds. */
const [freshMs, undeliveredMs, endedMs, unfinishedMs] = [1_000, 10_000, 2_000, 5_000]
const [unknownMs, idleLookMs] = [2_000, 3_600_000]

/** How much longer than a request credentials without an id are left to one bridge, and so long before its end. */
const [spareMs, marginMs] = [15_000, 2_000]

/** So long credentials may lie unused. */
const idleMs = 24 * 60 * 60 * 1000

/** Credentials that do not name their account are not tried more often. */
const identifyMs = 60_000

const most = 1_000

export class BridgeDuties {
  /** To be notified of what other instances have done. */
  readonly fromElsewhere: Observer = {
    modulesListed: (...all) => this.#bridge?.observer.modulesListed(...all),
    accountChanged: (snapshot) => this.#bridge?.observer.accountChanged(snapshot),
    accountRemoved: (accountId) => this.#bridge?.observer.accountRemoved(accountId),
    moduleChanged: (...all) => this.#bridge?.observer.moduleChanged(...all),
  }
  /** To be notified of what happened here, and this instance's own connection does not publish. */
  readonly fromHere: Observer = {
    clipSaved: (clip) => this.#bridge?.observer.clipSaved(clip),
    settingsChanged: (change) => this.#bridge?.observer.settingsChanged(change),
    rescanRequested: () => this.#bridge?.observer.rescanRequested(),
    republishRequested: () => this.#bridge?.observer.republishRequested(),
  }
  readonly #needs: DutiesNeeds
  readonly #lease: BridgeLease
  readonly #startedAt: number
  #bridge: BridgeConnection | undefined
  #stopping: AbortController | undefined
  #working: Promise<unknown> = Promise.resolve()
  #hasStarted = false
  /** When the credentials that were read last had changed. */
  #changedAt: number | undefined
  /** Since when credentials without an id are this instance's to use. */
  #identifying: Measured | undefined
  readonly #triedAt = new Map<string, number>()

  constructor(needs: DutiesNeeds) {
    this.#needs = needs
    this.#startedAt = needs.clock.elapsed()
    const { named } = needs.storage
    const [gained, lost] = [() => this.#gained(), (why: 'lost' | 'stopped') => this.#lost(why)]
    this.#lease = new BridgeLease({ named, gained, lost, clock: needs.clock })
  }

  get #requestMs(): number {
    return this.#needs.settings.blink.timeoutSeconds * 1000
  }

  /** Longer than the bridge's own, and so of its own: a request may take longer than another bridge to come. */
  get #identifyLeaseMs(): number {
    return this.#requestMs + spareMs
  }

  async #mayIdentify(): Promise<boolean> {
    const { storage, clock } = this.#needs
    const sent = new Measured(clock)
    const isOurs = await storage.named.hold('unidentified', this.#identifyLeaseMs)
    this.#identifying = isOurs ? sent : undefined
    return isOurs
  }

  get holdsBridge(): boolean {
    return this.#lease.isHeld
  }

  /** @throws LeaseLost when a request for credentials without an id might not end before another bridge sends one */
  guard(): void {
    if (!this.#identifying?.isWithin(this.#identifyLeaseMs - this.#requestMs - marginMs))
      throw new LeaseLost('without an id')
  }

  /** Takes the bridge when it is free, until `signal` is aborted. */
  keep(signal: AbortSignal): Promise<void> {
    return this.#lease.keep(signal)
  }

  async #gained(): Promise<void> {
    const { log, openBridge } = this.#needs
    log.info({}, 'this instance is the bridge')
    this.#bridge = await openBridge()
    this.#stopping = new AbortController()
    this.#working = this.#work(this.#stopping.signal)
    this.#working.catch(this.#needs.fail)
  }

  async #lost(why: 'lost' | 'stopped'): Promise<void> {
    const { log, registry } = this.#needs
    this.#stopping?.abort(new Error('no longer the bridge'))
    const bridge = this.#bridge
    this.#bridge = undefined
    // First of all: what is under way may wait for a database that does not answer.
    await bridge?.close({ isFollowed: why === 'lost' || (await this.#hasOthers()) })
    await this.#working.catch(() => undefined)
    await registry.apply({ added: [], removed: registry.unidentified })
    this.#changedAt = undefined
    this.#identifying = undefined
    if (why === 'lost') log.warn({}, 'this instance is the bridge no more')
  }

  /** Where nobody says so, nobody follows. */
  async #hasOthers(): Promise<boolean> {
    const { storage, name } = this.#needs
    const instances = await storage.instances().catch(() => [])
    return instances.some((instance) => instance.name !== name)
  }

  async #work(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#atStart(signal),
      this.#each(freshMs, () => this.#wakeFresh(), signal),
      this.#each(undeliveredMs, () => this.#wakeUndelivered(), signal),
      this.#each(endedMs, () => this.#needs.fanOut.report(), signal),
      this.#each(unfinishedMs, () => this.#needs.fanOut.resume(signal), signal),
      this.#each(unknownMs, () => this.#identify(signal), signal),
      this.#each(idleLookMs, () => this.#refreshIdle(), signal),
    ])
  }

  /** At first at once; what the database refuses now is done the next time. */
  async #each(everyMs: number, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs
    while (!signal.aborted) {
      await work().catch(ignoreStoreFailed)
      await clock.sleep(everyMs, signal).catch(() => undefined)
    }
  }

  /** The first bridge of a fleet that starts; a fleet that runs has no need of another run. */
  async #atStart(signal: AbortSignal): Promise<void> {
    const { settings, fanOut, clock } = this.#needs
    const isFirst = !this.#hasStarted && clock.elapsed() - this.#startedAt < startMs
    this.#hasStarted = true
    if (settings.schedule.onStart && isFirst)
      await fanOut.begin({ trigger: 'start', at: clock.now() }, signal)
  }

  async #wakeFresh(): Promise<void> {
    const { storage, jobs } = this.#needs
    const fresh = await storage.leases.fresh(most)
    if (fresh.length > 0) await jobs.wake(fresh, { first: true })
  }

  /** Left by an owner without a broker, or by one that was stopped or killed. */
  async #wakeUndelivered(): Promise<void> {
    const { storage, jobs } = this.#needs
    const undelivered = await storage.leases.undelivered(most)
    if (undelivered.length > 0) await jobs.wake(undelivered, { deliver: true })
  }

  /** Accounts that no run has requested: paused ones, and those of a schedule with days in between. */
  async #refreshIdle(): Promise<void> {
    const { storage, jobs, clock } = this.#needs
    const isIdle = ({ refusedAt, refreshedAt = 0 }: Credentials) =>
      refusedAt === undefined && clock.now() - refreshedAt >= idleMs
    const idle = (await storage.credentials.list()).filter(isIdle).flatMap(({ accountId }) => accountId ?? [])
    for (let from = 0; from < idle.length; from += most) {
      await jobs.wake(idle.slice(from, from + most), { refresh: true })
    }
  }

  async #identify(signal: AbortSignal): Promise<void> {
    const { storage, registry, clock } = this.#needs
    const changedAt = await storage.credentials.changedAt()
    if (changedAt !== this.#changedAt) {
      await this.#readUnidentified()
      this.#changedAt = changedAt
    }
    for (const key of registry.unidentified) {
      if (clock.elapsed() - (this.#triedAt.get(key) ?? Number.NEGATIVE_INFINITY) < identifyMs) continue
      // Another bridge may be at them still, and may have had another token.
      const before = this.#identifying
      if (!(await this.#mayIdentify())) return
      if (!before) await this.#readUnidentified()
      this.#triedAt.set(key, clock.elapsed())
      try {
        await registry.identify(key, signal)
      } catch (error) {
        // The registry has logged it.
        if (!(error instanceof DaemonError) && !signal.aborted) throw error
      }
    }
  }

  async #readUnidentified(): Promise<void> {
    const { storage, registry } = this.#needs
    const all = await storage.credentials.list()
    const unknown = all.filter(({ accountId, unusable }) => accountId === undefined && !unusable)
    const keys = new Set(unknown.map(({ key }) => key))
    await registry.apply({ added: unknown, removed: registry.unidentified.filter((key) => !keys.has(key)) })
  }
}

/** So long after its own start an instance takes itself for one of a fleet that starts: longer than a dead one's lease. */
const startMs = 30_000

function ignoreStoreFailed(error: unknown): void {
  if (!(error instanceof StoreFailed)) throw error
}
