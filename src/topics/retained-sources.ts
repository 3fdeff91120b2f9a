/**
 * Where the retained topics get what they say: from the ledger, the accounts, the settings, at the moment of saying.
 */

import { accountFinder } from '../accounts/account-finder.ts'
import { thisMoment } from '../domain/clock.ts'
import { isWanted } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import { accountState, bridgeInfo } from './bridge-state.ts'
import type { PublishingNeeds } from './publishing.ts'
import type { RetainedNeeds } from './retained.ts'
import { plain, type Topics } from './topics.ts'
import { viewOf } from './view.ts'

type Sources = Pick<RetainedNeeds, 'bridgeInfo' | 'accounts' | 'account' | 'modules' | 'view' | 'cleared'>

/** What `keepRetained` asks for. */
export function retainedSources(needs: PublishingNeeds, topics: Topics): Sources {
  const { settings, stores, accounts, slots, offsetOf, clock } = needs
  const { ledger, install } = stores
  const startedAt = thisMoment(clock)
  const accountById = accountFinder(accounts)
  // A login that does not tell its account yet may be that of any modules we know.
  const isEverybodyKnown = () => accounts().every(({ accountId }) => accountId !== undefined)
  /** The accounts of modules we know whose login is gone; their topics are to be cleared. */
  const strangers = () =>
    isEverybodyKnown()
      ? ledger
          .keys()
          .map(({ accountId }) => accountId)
          .filter((id) => !accountById(id))
      : []
  return {
    bridgeInfo: () =>
      bridgeInfo(topics, {
        version: needs.version,
        installId: install.installId,
        startedAt: startedAt(),
        nextTickAt: slots()[0],
        settings: needs.shownSettings,
        logLevel: needs.logLevel(),
      }),
    *accounts() {
      yield* accounts().flatMap(({ accountId }) => accountId ?? [])
      yield* strangers()
    },
    account(id) {
      const account = accountById(id)
      return account ? accountState(topics, id, account.state) : plain(topics.accountState(id), '')
    },
    modules: (accountId) => ledger.keysAndGone(accountId),
    view(key: ModuleKey) {
      const record = ledger.read(key)
      if (!record || !isWanted(record.module, settings.modules)) return undefined
      const account = accountById(key.accountId)
      if (!account && isEverybodyKnown()) return undefined
      return viewOf(record, {
        account,
        rules: settings.modules,
        paused: stores.pauses.isPaused(key),
        slots: slots(),
        offsetMs: offsetOf(key.accountId),
      })
    },
    cleared(key) {
      ledger.forget(key).catch((error: unknown) => {
        // It is cleared again on the next connection.
        if (!(error instanceof StoreFailed)) needs.fail(error)
      })
    },
  }
}
