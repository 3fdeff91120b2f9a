/**
 * JSON as it leaves the program: ids with all their digits, times as ISO 8601, nothing that drives a terminal.
 */
import { iso } from './clock.ts'
import type { BlinkId, ModuleKey } from './model.ts'
import { visible } from './printable.ts'

/** A number that is printed as this text: what `JSON.rawJSON` makes. */
export interface RawJson {
  readonly rawJSON: string
}

declare global {
  /** Standard since ES2025, not yet in TypeScript's library. */
  interface JSON {
    rawJSON(text: string): RawJson
    isRawJSON(value: unknown): value is RawJson
  }
}

/** An id as a JSON number. Beyond 2^53 the text is taken over, since a JavaScript number would lose digits. */
export function number(id: BlinkId): number | RawJson {
  const value = Number(id)
  return Number.isSafeInteger(value) ? value : JSON.rawJSON(id)
}

/** A module's three ids as JSON numbers with all their digits. */
export function ids({ accountId, networkId, syncModuleId }: ModuleKey) {
  return {
    account_id: number(accountId),
    network_id: number(networkId),
    sync_module_id: number(syncModuleId),
  }
}

/** ISO 8601, or `null` where there is no time: keys are always present in our documents. */
export function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms)
}

export function json(value: unknown): string {
  return visible(JSON.stringify(value))
}
