/**
 * The ticks of all accounts: each at its own moment after the slot, none twice at the same time, all to be ended.
 */

import type { Account, AccountTick } from '../accounts/account.ts'
import { type Clock, iso } from '../domain/clock.ts'
import type { Selection, Slot, TickReport, Trigger } from '../domain/model.ts'
import type { Onlookers } from '../topics/onlookers.ts'

export interface TicksNeeds {
  readonly accounts: readonly Account[]
  readonly onlookers: Pick<Onlookers, 'slot'>
  /** Told of each account's tick when it is over. */
  readonly ticked: (report: TickReport) => void
  /** An account's moment after a slot, in milliseconds. */
  readonly offsetOf: (account: string) => number
  /** Waits until the tick on start may ask an account; false when it is left to its next slot. */
  readonly mayStart: (account: Account) => Promise<boolean>
  /** The next two slots, in milliseconds since the epoch. */
  readonly slots: () => readonly number[]
  readonly clock: Clock
  readonly stopping: AbortSignal
}

/** Some modules of an account, chosen when its turn has come. */
export interface Choice {
  readonly account: Account
  readonly choose: () => Selection | undefined
}

export interface Ticks {
  /** One tick of all accounts; only scheduled ones are spread, and only that on start may have to wait. */
  tick(trigger: 'schedule' | 'start', at?: number): Promise<void>
  /** One tick of all accounts, for who wants to know what it came to. */
  once(): Promise<readonly AccountTick[]>
  /** Asks some modules of some accounts now, after what is under way: what a command wants. */
  command(choices: readonly Choice[]): Promise<readonly AccountTick[]>
  /** One tick of one account, which has come in between. */
  tickOne(account: Account): Promise<void>
  /** Resolves when no tick is running. */
  idle(): Promise<void>
}

/** No tick goes on longer than this, however rare the slots are. */
const longestTickMs = 15 * 60_000

/** Long enough for all tries of a busy module, short enough for a person who waits for the answer. */
const commandBudgetMs = 60_000

/** A moment that comes so late by the wall clock has been slept through, and not only been waited for. */
const sleptMs = 60_000

const letGo = () => undefined
const whole = (tick: AccountTick) => tick

/** A tick ends a little before the next slot, which then finds it done: a second, or a tenth of fast slots. */
const margin = (intervalMs: number) => Math.min(1_000, intervalMs / 10)

/** The ticks of these accounts. */
export function ticksOf(needs: TicksNeeds): Ticks {
  const { accounts, onlookers, offsetOf, slots, clock, stopping } = needs
  const running = new Set<Promise<unknown>>()
  /** Those that slots have asked. */
  const askedBySlot = new WeakSet<Account>()

  /** Waits for the moment; false when the computer slept so long that the next slot came or is made up for. */
  async function comesInTime(momentMs: number): Promise<boolean> {
    const [since, [next = Number.POSITIVE_INFINITY]] = [clock.now(), slots()]
    await clock.sleep(momentMs, stopping).catch(() => undefined)
    return clock.now() < next || clock.now() - since - momentMs < sleptMs
  }

  async function tickAccount(account: Account, slot: Slot): Promise<AccountTick | undefined> {
    const moment = slot.trigger === 'schedule' ? offsetOf(account.accountId ?? account.loginKey) : 0
    if (moment > 0 && !(await comesInTime(moment))) return undefined
    if (stopping.aborted) return undefined
    if (slot.trigger === 'schedule') askedBySlot.add(account)
    const tick = await account.tick(slot)
    if (tick?.report) needs.ticked(tick.report)
    return tick
  }

  async function startAccount(account: Account, slot: Slot): Promise<AccountTick | undefined> {
    if (slot.trigger !== 'start') return tickAccount(account, slot)
    const may = await needs.mayStart(account)
    // To know takes a write of the disk at least, and a slot that came meanwhile has asked already.
    return may && !askedBySlot.has(account) ? tickAccount(account, slot) : undefined
  }

  async function commandAccount({ account, choose }: Choice, slot: Slot): Promise<AccountTick | undefined> {
    if (stopping.aborted) return undefined
    const tick = await account.command(slot, () => (stopping.aborted ? undefined : choose()))
    if (tick?.report) needs.ticked(tick.report)
    return tick
  }

  /** Counts what became of the turns, and keeps only what `take` makes of each account's tick: a fleet's are many. */
  async function tickAll<T>(
    slot: Slot,
    begin: () => readonly Promise<AccountTick | undefined>[],
    take: (tick: AccountTick) => T,
  ): Promise<readonly NonNullable<T>[]> {
    const begun = clock.elapsed()
    const turns = { requested: 0, failed: 0, skipped: 0 }
    let accounts = 0
    const count = async (ticking: Promise<AccountTick | undefined>) => {
      const tick = await ticking
      if (!tick) return undefined
      accounts++
      for (const { kind } of tick.report?.modules ?? []) turns[kind]++
      return take(tick)
    }
    // Each by itself as well: where one is ended by an error, the others go on, and are to be waited for at a stop.
    const taken = await Promise.all(begin().map((ticking) => run(count(ticking))))
    // Where the last tick is still running everywhere, this one has not happened.
    if (accounts > 0) onlookers.slot(slot, turns, clock.elapsed() - begun)
    return taken.filter((each) => each !== undefined && each !== null)
  }

  function run<T>(ticking: Promise<T>): Promise<T> {
    running.add(ticking)
    ticking.finally(() => running.delete(ticking)).catch(() => undefined)
    return ticking
  }

  function slotOf(trigger: Trigger, at: number): Slot {
    const [next, afterNext] = slots()
    const interval = next !== undefined && afterNext !== undefined ? afterNext - next : longestTickMs
    const budgetMs = Math.min(interval - margin(interval), longestTickMs)
    return { tickId: iso(at), trigger, budgetMs }
  }

  return {
    async tick(trigger, at = clock.now()) {
      const slot = slotOf(trigger, at)
      await run(tickAll(slot, () => accounts.map((account) => startAccount(account, slot)), letGo))
    },
    once() {
      const slot = slotOf('once', clock.now())
      return run(tickAll(slot, () => accounts.map((account) => tickAccount(account, slot)), whole))
    },
    async tickOne(account) {
      const slot = slotOf('start', clock.now())
      await run(tickAll(slot, () => [tickAccount(account, slot)], letGo))
    },
    command(choices) {
      const slot = { tickId: iso(clock.now()), trigger: 'command', budgetMs: commandBudgetMs } as const
      return run(tickAll(slot, () => choices.map((choice) => commandAccount(choice, slot)), whole))
    },
    async idle() {
      await Promise.allSettled(running)
    },
  }
}
