/**
 * Motion at a camera: some time later there is a clip more on the stick of its sync module.
 */
import { isReadable, storageOf } from './account-spec.ts'
import { wireTime } from './answer.ts'
import { type Cloud, type ModuleState, modulesOf } from './cloud.ts'
import type { StickClip } from './stick.ts'

export interface Motion {
  /** The name or the id of the camera. */
  readonly camera: string | number
  /** Needed where cameras of two networks have the same name. */
  readonly networkId?: number
  /** In KiB; by chance when absent. */
  readonly size?: number
  /** From the motion until the clip is listed; as the simulator's settings say when absent. */
  readonly delaySeconds?: number
}

export interface RecordedMotion {
  readonly module: ModuleState
  readonly clip: StickClip
}

/** @throws Error with a sentence when there is no such camera, or nowhere to put the clip */
export function recordMotion(
  cloud: Cloud,
  { camera, networkId, size, delaySeconds }: Motion,
): RecordedMotion {
  const found = [...cloud.accounts.values()].flatMap((account) =>
    [...account.cameras.values()]
      .filter(({ id, name }) => id === camera || name === camera)
      .filter((each) => networkId === undefined || each.networkId === networkId)
      .map((each) => ({ account, camera: each })),
  )
  const [first, second] = found
  if (!first) throw new Error(`there is no camera ${camera}`)
  if (second) throw new Error(`there are ${found.length} cameras ${camera}; name the network as well`)
  const module = modulesOf(first.account, first.camera.networkId)[0]
  if (!module) throw new Error(`the camera ${camera} belongs to no sync module`)
  if (!isReadable(module.spec) || storageOf(module.spec) === 'memory_full') {
    throw new Error(`the drive of sync module ${module.spec.id} takes no clip: ${storageOf(module.spec)}`)
  }
  const now = cloud.time.now()
  const spec = {
    id: module.stick.newId(),
    cameraName: first.camera.name,
    size: size ?? 64 + Math.floor(cloud.time.chance() * 192),
    createdAt: wireTime(now),
  }
  const delayMs = (delaySeconds ?? cloud.settings.motionSeconds) * 1000
  return { module, clip: module.stick.add(spec, now + delayMs) }
}
