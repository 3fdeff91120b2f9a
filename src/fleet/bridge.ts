/**
 * Which instance is the bridge: one at a time does what there is to do once for all accounts.
 *
 * Before its lease can be another one's, it has stopped.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { NamedLeases } from '../domain/fleet.ts'
import { Measured } from './measured.ts'

export interface BridgeLeaseNeeds {
  readonly named: NamedLeases
  /** Called when the lease was gained; what it throws reaches the caller of `keep`. */
  readonly gained: () => Promise<void>
  /** Called when it was lost, or is given up because the instance stops. */
  readonly lost: (why: 'lost' | 'stopped') => Promise<void>
  readonly clock: Clock
}

const name = 'bridge'
const [leaseMs, renewMs, marginMs] = [15_000, 5_000, 2_000]

/** How often it is tried to gain it; an instance that is stopped gives it up at once. */
const tryMs = 1_000

export class BridgeLease {
  readonly #needs: BridgeLeaseNeeds
  #held: Measured | undefined

  constructor(needs: BridgeLeaseNeeds) {
    this.#needs = needs
  }

  get isHeld(): boolean {
    return this.#held?.isWithin(leaseMs - marginMs) ?? false
  }

  /** Tries to gain and keep it until `signal` is aborted, then frees it. */
  async keep(signal: AbortSignal): Promise<void> {
    const { named, gained, lost, clock } = this.#needs
    while (!signal.aborted) {
      const sent = new Measured(clock)
      const isOurs = await this.#hold(signal)
      const wasHeld = this.#held !== undefined
      if (isOurs) this.#held = sent
      if (isOurs && !wasHeld) await gained()
      else if (wasHeld && (isOurs === false || !this.isHeld)) {
        this.#held = undefined
        await lost('lost')
      }
      await clock.sleep(this.#held && isOurs ? renewMs : tryMs, signal).catch(() => undefined)
    }
    if (!this.#held) return
    this.#held = undefined
    await lost('stopped')
    await named.free(name).catch(ignoreStoreFailed)
  }

  /** `undefined` when the database does not say, and when it has not answered by the end of the lease. */
  async #hold(signal: AbortSignal): Promise<boolean | undefined> {
    const asked = this.#ask()
    if (!this.#held) return asked
    const answered = new AbortController()
    const lapsed = this.#lapsed(AbortSignal.any([signal, answered.signal]))
    try {
      return await Promise.race([asked, lapsed])
    } finally {
      answered.abort(new Error('answered'))
    }
  }

  async #lapsed(signal: AbortSignal): Promise<undefined> {
    const { clock } = this.#needs
    while (!signal.aborted && this.isHeld) await clock.sleep(tryMs, signal).catch(() => undefined)
  }

  async #ask(): Promise<boolean | undefined> {
    try {
      return await this.#needs.named.hold(name, leaseMs)
    } catch (error) {
      ignoreStoreFailed(error)
      return undefined
    }
  }
}

function ignoreStoreFailed(error: unknown): void {
  if (!(error instanceof StoreFailed)) throw error
}
