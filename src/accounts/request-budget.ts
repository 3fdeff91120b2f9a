/**
 * How many requests an account may cost its cloud in one day (UTC), so that a runaway ends here and not there.
 *
 * A normal day never comes near it: automatic, it is one and a half times what is planned. It outlives restarts
 * without a write for each request: a part of it is taken from the disk's account in advance, and what is left of
 * that is given back at an orderly end. A kill costs the rest of the part, never a request that is not counted.
 */
import type { Clock } from '../domain/clock.ts'
import type { Spent } from '../domain/model.ts'

export interface BudgetNeeds {
  /** What was kept, or `undefined` when nothing was. */
  readonly kept: Spent | undefined
  /** Requests a day; called each time, since modules come and go. */
  readonly limit: () => number
  /** Whether the limit is ours and not the owner's: then it does not shrink before the day is over. */
  readonly automatic: boolean
  readonly clock: Clock
  /** Keeps it on disk; called once at a time, and one that cannot is expected to have said so. */
  readonly save: (spent: Spent) => Promise<void>
}

export interface RequestBudget {
  readonly limit: number
  /** Requests of this day. */
  readonly spent: number
  /** When a new day gives a new budget, or `undefined` while there is some left. */
  readonly usedUpUntil: number | undefined
  /** One request more. */
  spend(): void
  /** The last one never left this machine, and cost the cloud nothing. */
  refund(): void
  /** Writes down what was truly spent. */
  close(): Promise<void>
}

const dayMs = 24 * 60 * 60 * 1000

/**
 * So many parts of the budget are taken in advance, one after another; as many writes a day at most. A kill costs
 * what is left of one, so the parts are small: a machine that loses its power every few minutes is still served.
 */
const parts = 200

export function openBudget(needs: BudgetNeeds): RequestBudget {
  return new DailyBudget(needs)
}

class DailyBudget implements RequestBudget {
  readonly #needs: BudgetNeeds
  #day: number
  #spent: number
  /** What the disk says was spent; never less than what was. */
  #onDisk: number
  /** The day's largest: what was spent by a denser schedule must not count against a sparser one. */
  #largest: number
  #saving: Promise<void> = Promise.resolve()

  constructor(needs: BudgetNeeds) {
    this.#needs = needs
    this.#day = needs.kept?.day ?? 0
    this.#spent = needs.kept?.requests ?? 0
    this.#onDisk = this.#spent
    this.#largest = needs.kept?.limit ?? 0
  }

  get limit(): number {
    const limit = this.#needs.limit()
    if (!this.#needs.automatic) return limit
    this.#turnDay()
    this.#largest = Math.max(this.#largest, limit)
    return this.#largest
  }

  get spent(): number {
    this.#turnDay()
    return this.#spent
  }

  get usedUpUntil(): number | undefined {
    return this.spent >= this.limit ? (this.#day + 1) * dayMs : undefined
  }

  spend(): void {
    this.#turnDay()
    this.#spent++
    if (this.#spent <= this.#onDisk) return
    const { limit } = this
    const ahead = this.#spent + Math.floor(limit / parts)
    // The last one by itself: who reads the disk is not to find a budget used up that is not.
    this.#keep(this.#spent < limit ? Math.min(ahead, limit - 1) : ahead)
  }

  refund(): void {
    this.#spent = Math.max(0, this.#spent - 1)
  }

  async close(): Promise<void> {
    if (this.#onDisk !== this.#spent) this.#keep(this.#spent)
    await this.#saving
  }

  #turnDay(): void {
    const today = Math.floor(this.#needs.clock.now() / dayMs)
    if (today === this.#day) return
    // A clock that was set back gives nothing back; what was spent counts for the day it is now.
    if (today > this.#day) {
      this.#spent = 0
      this.#largest = 0
    }
    this.#day = today
    this.#onDisk = 0
  }

  #keep(requests: number): void {
    this.#onDisk = requests
    const kept = { day: this.#day, requests, limit: this.limit }
    this.#saving = this.#saving.then(() => this.#needs.save(kept))
  }
}

export interface Plan {
  readonly runsPerDay: number
  /** Sync modules found so far. */
  readonly modules: number
}

/** Starts, `once`, `discover` and commands: as if there were one more run an hour. */
const otherRunsPerDay = 24

/** An access token lives an hour at worst, and each process needs one of its own. */
const tokensPerDay = 24 + otherRunsPerDay

/**
 * The automatic budget: one and a half times the planned requests of a day.
 *
 * An account without modules has the plan of one with a single module, so that the three tries for each home
 * screen on a day of trouble at the cloud do not use it up.
 */
export function plannedBudget({ runsPerDay, modules }: Plan): number {
  const perRun = 1 + Math.max(1, modules)
  return Math.ceil(1.5 * ((runsPerDay + otherRunsPerDay) * perRun + tokensPerDay))
}

/** The automatic budget for following and downloading: six times the planned manifest requests, and 1,000. */
export function plannedClipBudget({ runsPerDay, modules }: Plan): number {
  return Math.ceil(6 * runsPerDay * Math.max(1, modules)) + 1_000
}
