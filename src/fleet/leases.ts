/**
 * The accounts that this instance holds, and until when it may act for them.
 *
 * A lease is measured from before its renewal was sent, on both clocks: one of them stands still while a computer
 * sleeps, and the other one may be set. Nothing is requested any more once a request could outlast the lease.
 */
import type { Clock } from '../domain/clock.ts'
import { LeaseLost, StoreFailed } from '../domain/errors.ts'
import type { AccountLeases, LeasedAccount, LeftAccount } from '../domain/fleet.ts'
import type { BlinkId } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import { Measured } from './measured.ts'

export interface HeldNeeds {
  readonly leases: AccountLeases
  /** The longest that one request may take. */
  readonly requestMs: number
  readonly clock: Clock
  readonly log: Log
}

export interface HeldAccounts {
  readonly leaseMs: number
  acquire(accountId: BlinkId): Promise<LeasedAccount | 'held' | undefined>
  /** Ends what is published of the account here. */
  leave(accountId: BlinkId): void
  release(accountId: BlinkId, left: LeftAccount): Promise<void>
  finished: AccountLeases['finished']
  /** Lets a lease run out. */
  drop(accountId: BlinkId): void
  /** @throws LeaseLost when a request sent now might not end within the lease */
  guard(accountId: BlinkId): void
  /** Aborted when the account is left or lost; `undefined` for one that is not held. */
  holding(accountId: BlinkId): AbortSignal | undefined
  /** Prolongs the leases until `signal` is aborted. */
  keep(signal: AbortSignal): Promise<void>
}

/** How much longer than a request a lease is, and how often it is prolonged. */
const [spareMs, renewMs] = [15_000, 5_000]

/** So long before the last moment at which a request may be sent. */
const marginMs = 2_000

const leaseMsFor = (requestMs: number) => requestMs + spareMs

/** @param lost called with an account that another instance owns by now */
export function heldAccounts(
  needs: HeldNeeds,
  lost: (accountId: BlinkId, reason: Error) => void,
): HeldAccounts {
  const { leases, requestMs, clock, log } = needs
  const leaseMs = leaseMsFor(requestMs)
  const usableMs = leaseMs - requestMs - marginMs
  const held = new Map<BlinkId, { readonly good: Measured; readonly publishing: AbortController }>()

  function end(accountId: BlinkId): void {
    held.get(accountId)?.publishing.abort(new LeaseLost(accountId))
    held.delete(accountId)
  }

  leases.onLost((accountId) => {
    end(accountId)
    log.warn({ account_id: accountId }, 'account taken over by another instance')
    lost(accountId, new LeaseLost(accountId))
  })

  return {
    leaseMs,
    async acquire(accountId) {
      const good = new Measured(clock)
      // Before the answer: events that wait are read as soon as the lease is there.
      held.set(accountId, { good, publishing: new AbortController() })
      const leased = await leases.acquire(accountId, leaseMs).catch((error: unknown) => {
        held.delete(accountId)
        throw error
      })
      if (leased === undefined || leased === 'held') held.delete(accountId)
      return leased
    },
    leave: (accountId) => held.get(accountId)?.publishing.abort(new LeaseLost(accountId)),
    async release(accountId, left) {
      end(accountId)
      await leases.release(accountId, left)
    },
    finished: (accountId, run) => leases.finished(accountId, run),
    drop(accountId) {
      end(accountId)
      leases.drop(accountId)
    },
    guard(accountId) {
      if (!held.get(accountId)?.good.isWithin(usableMs)) throw new LeaseLost(accountId)
    },
    holding: (accountId) => held.get(accountId)?.publishing.signal,
    async keep(signal) {
      let isLogged = false
      while (!signal.aborted) {
        await clock.sleep(renewMs, signal).catch(() => undefined)
        if (signal.aborted) return
        const sent = new Measured(clock)
        // One that is being acquired has the lease that it was given then.
        const renewed = [...held].filter(([accountId]) => leases.held.has(accountId))
        try {
          await leases.renew(leaseMs)
          for (const [accountId, one] of renewed) if (held.get(accountId) === one) one.good.becomes(sent)
          isLogged = false
        } catch (error) {
          if (!(error instanceof StoreFailed)) throw error
          const fields = { detail: error.message, remedy: error.remedy }
          if (!isLogged) log.warn(fields, 'cannot prolong leases, nothing is requested until it works again')
          isLogged = true
        }
      }
    },
  }
}
