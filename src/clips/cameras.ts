/**
 * Which camera a clip is from. A manifest has names only, stripped of all that is no letter, digit or `_`.
 */
import { createHash } from 'node:crypto'
import type { HomeCamera } from '../domain/clip.ts'
import type { BlinkId } from '../domain/model.ts'

/** A camera's name as a manifest would have it, whatever language it is in. */
export function strippedName(name: string): string {
  return name.normalize('NFC').replaceAll(/[^\p{L}\p{N}_]/gu, '')
}

/** The one camera of this name in the network; `undefined` when there is none, or more than one. */
export function cameraNamed(
  name: string,
  networkId: BlinkId,
  cameras: readonly HomeCamera[],
): HomeCamera | undefined {
  const stripped = strippedName(name)
  // A name of nothing but signs is nobody's: every other such name would look the same.
  if (stripped === '') return undefined
  const named = cameras.filter(
    (camera) => camera.networkId === networkId && strippedName(camera.name) === stripped,
  )
  return named.length === 1 ? named[0] : undefined
}

/** The camera's part of a topic: its id, or `unknown/` and 8 hexadecimal digits of the name's hash. */
export function cameraTopicPart(name: string, camera: HomeCamera | undefined): string {
  if (camera) return camera.cameraId
  return `unknown/${createHash('sha256').update(strippedName(name)).digest('hex').slice(0, 8)}`
}
