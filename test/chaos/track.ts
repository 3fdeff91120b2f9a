/** Deeds in time: what is to be done when, and how a track of them is made by chance. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Chance } from './chance.ts'

export interface Timed<Deed> {
  readonly atMs: number
  readonly deed: Deed
}

/** One deed, or several that belong together, after each pause until the time is up. */
export function track<Deed>(
  { lengthMs, pace, chance }: { readonly lengthMs: number; readonly pace: number; readonly chance: Chance },
  [least, most]: readonly [number, number],
  deeds: () => readonly (readonly [number, Deed])[],
): Timed<Deed>[] {
  const planned: Timed<Deed>[] = []
  const pauseMs = () => chance.between(least, most) * pace
  for (let at = pauseMs(); at < lengthMs; at += pauseMs()) {
    for (const [afterMs, deed] of deeds()) {
      at += afterMs
      planned.push({ atMs: Math.round(at), deed })
    }
  }
  return planned
}

/** Each deed at its time, one after another: the next one waits when the one before takes long. */
export async function walk<Deed>(
  track: readonly Timed<Deed>[],
  act: (deed: Deed) => Promise<void> | void,
  { begun, signal }: { readonly begun: number; readonly signal: AbortSignal },
): Promise<void> {
  for (const { atMs, deed } of track) {
    const waitMs = Math.max(0, begun + atMs - performance.now())
    await pause(waitMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    await act(deed)
  }
}
