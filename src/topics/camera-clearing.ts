/**
 * Clears `last_clip` of a camera whose clips have another path now, or whose sync module is gone.
 *
 * The camera's document in Home Assistant goes first. A camera is forgotten only when its topic is empty, so that a
 * restart goes on with it.
 */
import type { ClipCamera, ClipNew } from '../domain/clip.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { ClipLedger, Observer, Publisher, Runtime, StatusReader } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import type { LogRefusal } from '../mqtt/refusals.ts'
import type { TopicReader } from './retained.ts'
import { plain, type Topics } from './topics.ts'

export interface CameraClearingNeeds extends Runtime {
  readonly topics: Topics
  readonly publisher: Publisher
  readonly cameras: Pick<ClipLedger, 'cameras' | 'forgetCamera'>
  readonly status: Pick<StatusReader, 'module'>
  readonly reader: Pick<TopicReader, 'beforeClearing'> | undefined
  readonly refused: LogRefusal
}

export interface CameraClearing extends Observer {
  /** Clears what is to be cleared; called on each connection. */
  clear(): void
}

/** Clears, one camera after another, until `signal` is aborted. */
export function clearCameras(needs: CameraClearingNeeds, signal: AbortSignal): CameraClearing {
  const { topics, cameras, status, reader } = needs
  const throttled = new ThrottledLog(needs.clock, needs.log)
  let chain = Promise.resolve()

  async function clearOne(camera: ClipCamera): Promise<void> {
    const topic = `${topics.camera(camera)}/last_clip`
    await reader?.beforeClearing(camera)
    try {
      await needs.publisher.publish(plain(topic, ''), signal)
    } catch (error) {
      if (!(error instanceof PublishRefused)) throw error
      return needs.refused(topic, error, 'broker refused a state topic')
    }
    await cameras.forgetCamera(camera)
  }

  async function clearAll(delivered: ClipNew | undefined): Promise<void> {
    const known = await cameras.cameras()
    const isDelivered = (camera: ClipCamera) =>
      delivered && topics.camera(camera) === topics.camera(delivered)
    for (const camera of known) {
      if (camera.moved || !(await status.module(camera))) await clearOne(camera)
    }
    // A clip that waited in the outbox while its camera was cleared.
    if (delivered && !known.some(isDelivered)) await clearOne({ ...delivered, moved: true })
  }

  function clear(delivered?: ClipNew): void {
    chain = chain
      .then(() => (signal.aborted ? undefined : clearAll(delivered)))
      .catch((error: unknown) => {
        if (signal.aborted) return
        if (!(error instanceof StoreFailed)) return needs.fail(error)
        const { message: detail, remedy } = error
        throttled.log('error', { detail, remedy }, 'cannot read which cameras there are')
      })
  }

  return {
    clear: () => clear(),
    modulesListed(_accountId, { gone }) {
      if (gone.length > 0) clear()
    },
    accountRemoved: () => clear(),
    eventDelivered(event) {
      if (event.kind === 'clip_new') clear(event.body)
    },
  }
}
