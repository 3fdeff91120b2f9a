/**
 * What a misspelt name was probably meant to be.
 */
import { distance } from 'fastest-levenshtein'

/** Names are compared without case and word marks, so that `base_topic` is `baseTopic`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** The known name with the fewest letters to change; one that stands in the wrong section counts one more. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const whole = distance(plain(name), plain(candidate))
    const moved = 1 + distance(lastPart(plain(name)), lastPart(plain(candidate)))
    const apart = Math.min(whole, moved)
    if (apart < least) [best, least] = [candidate, apart]
  }
  return best
}

function sorted(text: string): string {
  return [...text].sort().join('')
}

/**
 * Whether `name` is so close to `known` that it can hardly be anything else: one letter off, two letters
 * swapped, or two off in a long name. `MQTT_PORT` is two letters from `MQTT_CERT`, and common.
 *
 * @param shared how many letters at the start are equal anyway and prove nothing
 */
export function isSlip(name: string, known: string, shared: number): boolean {
  const letters = distance(name, known)
  if (letters === 0 || letters > 2) return false
  return letters === 1 || known.length - shared >= 6 || sorted(name) === sorted(known)
}
