/**
 * JSON as it leaves the program: ids with all their digits, times as ISO 8601, nothing that drives a terminal.
 */
import { iso } from './clock.ts'
import type { BlinkId } from './model.ts'
import { visible } from './printable.ts'

declare global {
  interface JSON {
    /** Standard since ES2025, not yet in TypeScript's library: a number that is printed as this text. */
    rawJSON(text: string): object
  }
}

/** An id as a JSON number. Beyond 2^53 the text is taken over, since a JavaScript number would lose digits. */
export function number(id: BlinkId): number | object {
  const value = Number(id)
  return Number.isSafeInteger(value) ? value : JSON.rawJSON(id)
}

/** ISO 8601, or `null` where there is no time: keys are always present in our documents. */
export function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms)
}

export function json(value: unknown): string {
  return visible(JSON.stringify(value))
}
