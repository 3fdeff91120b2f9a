/**
 * All accounts as this instance shows them: its own as they are, the others as their owners have left them.
 *
 * What changed at another instance reaches the observers that show all accounts here; what happened here they know.
 */
import type { Account } from '../accounts/account.ts'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type {
  FleetChanges,
  SharedAccount,
  SharedStorage,
  ShownAccount,
  ShownAccounts,
} from '../domain/fleet.ts'
import type { AccountSnapshot, BlinkId, ModuleChanges, SyncModule } from '../domain/model.ts'
import type { Observer } from '../domain/ports.ts'
import { closedUntil } from '../domain/retry-policy.ts'

export interface MirrorNeeds {
  readonly storage: Pick<SharedStorage, 'changesSince'>
  readonly registry: {
    get(accountId: BlinkId): Account | undefined
    readonly unidentified: readonly string[]
  }
  /** Notified of what other instances have done. */
  readonly elsewhere: Pick<
    Required<Observer>,
    'accountChanged' | 'accountRemoved' | 'moduleChanged' | 'modulesListed'
  >
  readonly clock: Clock
}

/** How often it is looked what changed. */
const lookMs = 1_000

export class Mirror implements ShownAccounts {
  readonly #needs: MirrorNeeds
  readonly #accounts = new Map<BlinkId, MirroredAccount>()
  #upTo = 0

  constructor(needs: MirrorNeeds) {
    this.#needs = needs
  }

  get accounts(): readonly ShownAccount[] {
    // The same order at all instances, whichever they have heard of first.
    return [...this.#accounts.keys()].toSorted().flatMap((accountId) => this.get(accountId) ?? [])
  }

  get(accountId: BlinkId): ShownAccount | undefined {
    return this.#needs.registry.get(accountId) ?? this.#accounts.get(accountId)
  }

  get unidentified(): readonly string[] {
    return this.#needs.registry.unidentified
  }

  /** Reads everything once, without a word to the observers. */
  async open(): Promise<void> {
    const changes = await this.#needs.storage.changesSince(this.#upTo)
    this.#take(changes)
  }

  /** Follows until `signal` is aborted; a database that is away is logged by whoever must write to it. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal).catch(() => undefined)
      if (signal.aborted) return
      try {
        const changes = await this.#needs.storage.changesSince(this.#upTo)
        if (!signal.aborted) this.#pass(changes, this.#take(changes))
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
      }
    }
  }

  /** Returns the accounts whose state is another one. */
  #take({ upTo, accounts, removed }: FleetChanges): readonly AccountSnapshot[] {
    const { clock } = this.#needs
    this.#upTo = upTo
    const changed: AccountSnapshot[] = []
    for (const account of accounts) {
      const known = this.#accounts.get(account.accountId)
      const next = new MirroredAccount(account, known, clock)
      this.#accounts.set(account.accountId, next)
      if (!known || !isSame(known.snapshot, next.snapshot)) changed.push(next.snapshot)
    }
    for (const accountId of removed) this.#accounts.delete(accountId)
    return changed
  }

  #pass({ removed, modules, altered, gone }: FleetChanges, changed: readonly AccountSnapshot[]): void {
    const { elsewhere } = this.#needs
    // Of accounts that are held here as well: they may have been another instance's when they changed.
    for (const snapshot of changed) elsewhere.accountChanged(snapshot)
    for (const accountId of removed) elsewhere.accountRemoved(accountId)
    for (const [accountId, changes] of listsOf(altered, gone)) elsewhere.modulesListed(accountId, changes)
    for (const key of modules) elsewhere.moduleChanged(key, 'elsewhere')
  }
}

class MirroredAccount implements ShownAccount {
  readonly accountId: BlinkId
  readonly snapshot: AccountSnapshot
  readonly budget: { readonly spent: number; readonly limit: number }
  readonly #breaker: SharedAccount['breaker']
  readonly #clock: Clock

  constructor(
    { accountId, snapshot, spent, breaker }: SharedAccount,
    before: MirroredAccount | undefined,
    clock: Clock,
  ) {
    this.accountId = accountId
    this.snapshot = snapshot ??
      before?.snapshot ?? {
        accountId,
        status: 'ok',
        since: clock.now(),
        detail: undefined,
        retryAt: undefined,
      }
    this.budget = { spent: spent?.requests ?? 0, limit: spent?.limit ?? 0 }
    this.#breaker = breaker
    this.#clock = clock
  }

  get breaker(): { readonly isOpen: boolean } {
    return { isOpen: closedUntil(this.#breaker, this.#clock.now()) !== undefined }
  }
}

function isSame(one: AccountSnapshot, other: AccountSnapshot): boolean {
  const { status, since, detail, retryAt } = other
  return one.status === status && one.since === since && one.detail === detail && one.retryAt === retryAt
}

/** As a list of an account's modules would say it; which of the altered ones are new, nobody knows here. */
function listsOf(
  altered: readonly SyncModule[],
  gone: readonly SyncModule[],
): ReadonlyMap<BlinkId, ModuleChanges> {
  const lists = new Map<BlinkId, ModuleChanges>()
  const of = (accountId: BlinkId) => lists.get(accountId) ?? { found: [], renamed: [], altered: [], gone: [] }
  for (const module of altered) {
    const list = of(module.accountId)
    const modules = [...list.altered, module]
    lists.set(module.accountId, { ...list, found: modules, altered: modules })
  }
  for (const module of gone) {
    const list = of(module.accountId)
    lists.set(module.accountId, { ...list, gone: [...list.gone, module] })
  }
  return lists
}
