/**
 * Waiting for what a test wants to see, and never for a time: as soon as it is so, the test goes on.
 *
 * A limit here is no claim about the program: it ends a test that waits in vain, on a machine that is busy with
 * other things as well.
 */
import { setTimeout as pause } from 'node:timers/promises'

/** After this a test has waited in vain, whatever the machine is busy with. */
export const longestWaitMs = 200_000

/**
 * Resolves with the first value that is neither undefined nor false.
 *
 * @param what stands in the failure's text
 * @param state is asked for what to show beside it
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  { lookEveryMs = 20, state }: { readonly lookEveryMs?: number; readonly state?: () => string } = {},
): Promise<T> {
  const giveUpAt = performance.now() + longestWaitMs
  for (;;) {
    const value = look()
    if (value !== undefined && value !== false) return value
    if (performance.now() > giveUpAt) {
      throw new Error(`did not see ${what} within ${longestWaitMs} ms\n${state?.() ?? ''}`)
    }
    await pause(lookEveryMs)
  }
}
