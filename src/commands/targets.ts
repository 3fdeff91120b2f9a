/** Which accounts and sync modules a command means, and what to say of those that are not there. */
import type { CommandResult, Target } from '../domain/commands.ts'
import { type EligibilityRules, isWanted } from '../domain/eligibility.ts'
import { type BlinkId, keyOf, type ModuleKey } from '../domain/model.ts'
import type { Ledger } from '../domain/ports.ts'

/** Accounts as a command may name them. */
export interface NamedAccounts<Account> {
  readonly accounts: readonly Account[]
  readonly unidentified: readonly string[]
}

export interface TargetNeeds<Account> {
  readonly registry: NamedAccounts<Account>
  readonly ledger: Pick<Ledger, 'keys'>
  readonly rules: EligibilityRules
}

export interface Targets<Account> {
  /** The accounts that are meant. */
  accounts(target: Target): readonly Account[]
  /** The modules that are meant, as far as they are known. */
  modules(target: Target): Promise<readonly ModuleKey[]>
  /** An error that names what there is, for a target that names what is not there. */
  unknown(target: Target): Promise<CommandResult | undefined>
}

const mostNames = 20

export function targetsIn<Account extends { readonly accountId: BlinkId }>({
  registry,
  ledger,
  rules,
}: TargetNeeds<Account>): Targets<Account> {
  const accounts = (target: Target) =>
    registry.accounts.filter(({ accountId }) => covers(target, { accountId }))

  async function modules(target: Target): Promise<readonly ModuleKey[]> {
    const keys = await ledger.keys(target.accountId)
    return keys.filter((key) => covers(target, key) && isWanted(key, rules))
  }

  return {
    accounts,
    modules,
    async unknown(target) {
      if (target.accountId === undefined) return undefined
      const isModule = accounts(target).length > 0
      if (isModule && (target.networkId === undefined || (await modules(target)).length > 0)) return undefined
      const names = isModule
        ? (await modules({ accountId: target.accountId })).map(keyOf)
        : [
            ...registry.accounts.map(({ accountId }) => accountId),
            ...registry.unidentified.map(() => 'one not known yet'),
          ]
      const what = isModule ? 'sync module' : 'account'
      const message = `no such ${what}; known are ${names.slice(0, mostNames).join(', ') || 'none'}`
      return { error: { code: 'unknown_target', message } }
    },
  }
}

/** Whether a target's ids, as far as it has any, are those of this module or account. */
export function covers(target: Target, key: Partial<ModuleKey> & Pick<ModuleKey, 'accountId'>): boolean {
  const same = (name: keyof ModuleKey) =>
    target[name] === undefined || key[name] === undefined || target[name] === key[name]
  return same('accountId') && same('networkId') && same('syncModuleId')
}
