/** Deeds in time: what is to be done when, and how a track of them is made by chance. */
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
