/**
 * Which sync modules are requested, and why the others are not. Pure.
 *
 * `local_storage_enabled` has no say here: it lags, and was seen false on a module whose drive was active
 * (colinbendell/homebridge-blink-for-home#108).
 */
import type { ModuleKey, Outcome, SkipReason, StorageStatus, SyncModule } from './model.ts'

export interface EligibilityRules {
  /** `network_id` or `network_id/sync_module_id`; empty means all. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Ask also those that the home screen shows as unable to answer. */
  readonly askAll: boolean
}

/** Whether the owner wants this module looked after at all. */
export function isWanted(module: ModuleKey, rules: EligibilityRules): boolean {
  const names = [module.networkId, `${module.networkId}/${module.syncModuleId}`]
  if (names.some((name) => rules.exclude.includes(name))) return false
  return rules.include.length === 0 || names.some((name) => rules.include.includes(name))
}

/** Why this module is not requested, or `undefined` when it is. */
export function ineligibility(module: SyncModule, rules: EligibilityRules): SkipReason | undefined {
  if (!isWanted(module, rules)) return 'excluded'
  if (rules.askAll) return undefined
  if (!module.onboarded) return 'not_onboarded'
  if (module.connection !== 'online') return 'offline'
  return storageReason(module.storage)
}

/** A full drive still holds a manifest, and a full drive is just when its owner wants to look. */
export function isReadableDrive(storage: StorageStatus | undefined): boolean {
  return storage === undefined || storage === 'active' || storage === 'memory_full'
}

function storageReason(storage: StorageStatus | undefined): SkipReason | undefined {
  if (isReadableDrive(storage)) return undefined
  return storage === 'incompatible' ? 'incompatible' : 'no_storage'
}

/** The outcome of a module that was not requested: see docs/mqtt-api.md, "Outcomes". */
export function outcomeOfSkip(reason: SkipReason): Outcome {
  if (reason === 'offline' || reason === 'no_storage' || reason === 'incompatible') return reason
  return 'skipped'
}
