/** When `last_clip` of a camera is cleared, and in which order with its document. */
import { expect, onTestFinished, test } from 'vitest'
import type { ClipCamera } from '../../../src/domain/clip.ts'
import { PublishRefused, StoreFailed } from '../../../src/domain/errors.ts'
import type { DurableEvent } from '../../../src/domain/model.ts'
import { clearCameras } from '../../../src/topics/camera-clearing.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { aSnapshot, noChanges } from '../../support/retained-fixture.ts'
import { aModule, readableLog } from '../../support/samples.ts'

const hall: ClipCamera = {
  ...{ accountId: '8021', networkId: '44107', syncModuleId: '350221' },
  ...{ camera: '610003', cameraName: 'Hall', moved: false },
}
const moved = { ...hall, camera: 'unknown/0badcafe', moved: true }
const delivered = (camera: ClipCamera): DurableEvent => ({
  ...{ kind: 'clip_new', orderKey: 'clip', expiresAt: 1 },
  body: {
    ...camera,
    ...{
      eventId: 'e',
      requestId: '501',
      createdAt: 1,
      bytes: 1,
      path: 'a.mp4',
      sha256: 'ab',
      downloadedAt: 1,
    },
  },
})

function clearing(...known: ClipCamera[]) {
  const over = new AbortController()
  onTestFinished(() => over.abort(new Error('over')))
  const [clock, log] = [fakeClock(), readableLog()]
  const done: string[] = []
  const failures: unknown[] = []
  const state = { isModuleThere: true, isRefusing: false, isBroken: false }
  const cleared = clearCameras(
    {
      topics: topicsBelow('b'),
      publisher: {
        async publish({ topic, payload }) {
          if (state.isRefusing) throw new PublishRefused('not authorized', 0x87)
          done.push(`${topic}=${payload}`)
        },
      },
      cameras: {
        async cameras() {
          if (state.isBroken) throw new StoreFailed('cannot read state.db')
          return [...known]
        },
        async forgetCamera({ camera }) {
          const at = known.findIndex((one) => one.camera === camera)
          if (at >= 0) known.splice(at, 1)
        },
      },
      status: { module: async () => (state.isModuleThere ? aSnapshot() : undefined) },
      reader: {
        async beforeClearing(what) {
          done.push(`document of ${typeof what !== 'string' && 'camera' in what && what.camera}`)
        },
      },
      refused: () => undefined,
      fail: (error) => failures.push(error),
      ...{ clock, log },
    },
    over.signal,
  )
  return { cleared, known, done, state, failures, log }
}

test('the topic of a camera that has moved is cleared after its document, and once', async () => {
  const { cleared, known, done } = clearing(hall, moved)

  cleared.eventDelivered?.(delivered(hall))
  cleared.clear()
  await settle()

  expect(done).toEqual(['document of unknown/0badcafe', 'b/camera/8021/44107/unknown/0badcafe/last_clip='])
  expect(known).toEqual([hall])
})

test('the topics of all cameras of a module that is gone are cleared', async () => {
  const { cleared, known, done, state } = clearing(hall)

  cleared.modulesListed?.('8021', noChanges)
  await settle()
  expect(done).toEqual([])

  state.isModuleThere = false
  cleared.modulesListed?.('8021', { ...noChanges, gone: [aModule()] })
  await settle()
  expect(done.at(-1)).toBe('b/camera/8021/44107/610003/last_clip=')
  expect(known).toEqual([])
})

test('a clip that was delivered after its camera was cleared leaves nothing', async () => {
  const { cleared, done } = clearing(hall)

  cleared.eventDelivered?.(delivered(moved))
  await settle()

  expect(done.at(-1)).toBe('b/camera/8021/44107/unknown/0badcafe/last_clip=')
})

test('what the broker refuses or storage cannot read is cleared on the next connection', async () => {
  const { cleared, known, done, state, failures } = clearing(moved)

  state.isRefusing = true
  cleared.clear()
  await settle()
  expect(known).toEqual([moved])
  state.isRefusing = false
  state.isBroken = true
  cleared.clear()
  await settle()
  state.isBroken = false
  cleared.clear()
  await settle()

  expect(failures).toEqual([])
  expect(known).toEqual([])
  expect(done.at(-1)).toBe('b/camera/8021/44107/unknown/0badcafe/last_clip=')
})
