/**
 * Waiting for what a test wants to see, and never for a time: as soon as it is so, the test goes on.
 */
import { setTimeout as pause } from 'node:timers/promises'

const lookEveryMs = 20

/**
 * Resolves with the first value that is neither undefined nor false.
 *
 * @param what stands in the failure's text
 * @param state is asked for what to show beside it
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  { withinMs = 15_000, state }: { readonly withinMs?: number; readonly state?: () => string } = {},
): Promise<T> {
  const giveUpAt = performance.now() + withinMs
  for (;;) {
    const value = look()
    if (value !== undefined && value !== false) return value
    if (performance.now() > giveUpAt) {
      throw new Error(`did not see ${what} within ${withinMs} ms\n${state?.() ?? ''}`)
    }
    await pause(lookEveryMs)
  }
}
