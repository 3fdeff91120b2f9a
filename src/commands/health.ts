/**
 * The parts of the daemon and how they are, for who asks by a command. Values in, a document out.
 */

import type { Account } from '../accounts/account.ts'
import { type Clock, iso } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { number, timeOrNull } from '../domain/text.ts'
import type { Broker } from '../mqtt/client.ts'
import type { Stores } from '../storage/open.ts'
import type * as wire from '../topics/schemas.ts'

export interface Parts {
  readonly version: string
  readonly accounts: readonly Account[]
  readonly broker: Pick<Broker, 'state'>
  readonly stores: {
    readonly ledger: Pick<Stores['ledger'], 'count' | 'trouble'>
    readonly outbox: Pick<Stores['outbox'], 'count'>
  }
  /** The next two slots, in milliseconds since the epoch. */
  readonly slots: () => readonly number[]
  /** The clock's elapsed time at the start. */
  readonly begun: number
  readonly clock: Clock
}

export function healthOf({ version, accounts, broker, stores, slots, begun, clock }: Parts): wire.Health {
  const { connected, protocol, since, reconnects } = broker.state
  return {
    version,
    uptime_s: Math.round((clock.elapsed() - begun) / 1000),
    next_tick_at: timeOrNull(slots()[0]),
    mqtt: { connected, protocol: protocol ?? null, since: iso(since), reconnects },
    accounts: accounts.map(({ accountId, state }) => ({
      account_id: accountId === undefined ? null : number(accountId),
      state: state.status,
      since: iso(state.since),
      detail: state.detail ?? null,
      retry_at: timeOrNull(state.retryAt),
    })),
    ...storeHealth(stores),
  }
}

/** A disk that fails is what somebody who asks wants to know, so it does not keep the rest from being told. */
function storeHealth({
  ledger,
  outbox,
}: Parts['stores']): Pick<wire.Health, 'store' | 'modules' | 'waiting'> {
  try {
    const { trouble } = ledger
    const state = trouble ? 'failing' : 'ok'
    const store = { state, detail: trouble?.message ?? null } as const
    return { store, modules: ledger.count(), waiting: outbox.count() }
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    return { store: { state: 'failing', detail: error.message }, modules: null, waiting: null }
  }
}
