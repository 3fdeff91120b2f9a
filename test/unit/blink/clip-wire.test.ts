import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  readCameras,
  readClipRequest,
  readCommand,
  readManifest,
  readStorageStatus,
} from '../../../src/blink/clip-wire.ts'
import { parseJson } from '../../../src/blink/response.ts'
import { clipObstacleOf } from '../../../src/blink/response-codes.ts'
import { CloudChanged } from '../../../src/domain/errors.ts'
import { sample } from '../../support/visitor.ts'

const clip = { id: '7', size: '430', camera_name: 'FrontDoor', created_at: '2025-11-21T21:11:22+00:00' }
const manifest = (...clips: unknown[]) => readManifest({ manifest_id: '8977', clips })

test('a clip without a usable id or time is counted and hides no other', () => {
  const { clips, unreadable } = manifest(
    clip,
    ...[null, 7, { ...clip, id: '../1' }, { ...clip, id: 0 }, { ...clip, created_at: 'soon' }],
    { ...clip, created_at: undefined },
  )

  expect(clips.map(({ clipId }) => clipId)).toEqual(['7'])
  expect(unreadable).toBe(6)
})

test.each([
  ['2025-11-21T21:11:22+00:00', 0],
  ['2025-11-21T21:11:22Z', 0],
  ['2025-11-21T21:11:22', 0],
  ['2025-11-21 21:11:22', 0],
  ['2025-11-21T23:11:22+02:00', 0],
  ['2025-11-21T23:11:22+0200', 0],
  ['2025-11-21T21:11:22.250Z', 250],
  ['1763759482250', 250],
])('a clip of %s is read', (created_at, ms) => {
  expect(manifest({ ...clip, created_at }).clips[0]?.createdAt).toBe(Date.UTC(2025, 10, 21, 21, 11, 22) + ms)
})

test.each([
  ['430', 430],
  [430, 430],
  ['', undefined],
  ['4e2', undefined],
  [-1, undefined],
  [1.5, undefined],
  [null, undefined],
  [undefined, undefined],
])('a size of %j is %j', (size, expected) => {
  expect(manifest({ ...clip, size }).clips[0]?.listedSize).toBe(expected)
})

test('a clip keeps all digits of its id, and a name that is no text is none', () => {
  const json = parseJson('{"manifest_id":8,"media":[{"id":9223372036854775807,"clip_start_millis":5}]}')

  expect(readManifest(json, 'media').clips).toEqual([
    { clipId: '9223372036854775807', createdAt: 5, listedSize: undefined, cameraName: '' },
  ])
})

test('the newer shape names its next page until a page has no clips', () => {
  const page = (media: unknown[], pagination_key: unknown) =>
    readManifest({ manifest_id: 8, media, pagination_key }, 'media').nextPage

  expect(page([clip], 'k2')).toBe('k2')
  expect(page([clip], 20)).toBe('20')
  expect(page([clip], null)).toBeUndefined()
  expect(page([clip], '')).toBeUndefined()
  expect(page([], 'k2')).toBeUndefined()
})

test.each([
  {},
  { manifest_id: '8977' },
  { clips: [] },
  { manifest_id: '0', clips: [] },
  { manifest_id: '../7', clips: [] },
  { manifest_id: '8977', clips: { 0: clip } },
  { manifest_id: '8977', clips: [{ clip: 1 }] },
  [],
  null,
])('a manifest that cannot be used is none: %j', (json) => {
  expect(() => readManifest(json)).toThrow(CloudChanged)
})

test('a command is done by complete and status, whatever its status code', () => {
  expect(readCommand({ complete: false, status: 0, status_code: 908 })).toBe('running')
  expect(readCommand({ complete: false, status: 1, status_code: 909 })).toBe('running')
  expect(readCommand({ complete: true, status: 0, status_code: 909 })).toBe('done')
  expect(readCommand({ complete: true, status: 1, status_code: 908 })).toBe('failed')
  expect(readCommand({ complete: true, status_code: 908 })).toBe('done')
  expect(readCommand({ complete: true, status_code: 909 })).toBe('failed')
  expect(() => readCommand({ status: 0 })).toThrow(CloudChanged)
})

test('an upload without an id may have begun all the same', () => {
  expect(readClipRequest({ id: 670_557_344, network_id: null })).toBe('670557344')
  expect(() => readClipRequest({ network_id: 1 })).toThrow(expect.objectContaining({ outcome: 'unknown' }))
})

test('the storage needs its state and nothing else', () => {
  expect(
    readStorageStatus({ usb_state: 'memory_full', usb_storage_used: 101, storage_warning: '3' }),
  ).toEqual({
    state: 'memory_full',
    usedPercent: undefined,
    full: true,
    warning: 3,
  })
  expect(() => readStorageStatus({ usb_storage_used: 31 })).toThrow(CloudChanged)
})

test('cameras of all three lists are read, with both ids', () => {
  const { body } = sample('homescreen-three-networks-two-modules')
  const cameras = readCameras(body)

  expect(cameras.length).toBeGreaterThan(1)
  expect(cameras.every(({ cameraId, networkId }) => /^\d+$/.test(cameraId + networkId))).toBe(true)
  expect(readCameras({ owls: [{ id: 1, network_id: 2, name: 'Kitchen' }, { id: 3 }], doorbells: 7 })).toEqual(
    [{ cameraId: '1', networkId: '2', name: 'Kitchen' }],
  )
  expect(readCameras('sesame')).toEqual([])
})

test.each([
  [2113, 'not_ready'],
  [2111, 'not_ready'],
  [307, 'busy'],
  [2103, 'expired'],
  [2104, 'expired'],
  [906, 'expired'],
  [911, 'expired'],
  [700, 'not_found'],
  [402, undefined],
  [undefined, undefined],
])('on the way to a clip, code %s means %s', (code, expected) => {
  expect(clipObstacleOf(code)).toBe(expected)
})

test('whatever is answered is a value or one of our errors, and no message repeats it', () => {
  const part = fc.oneof(fc.anything({ maxDepth: 1 }), fc.constant('sesame'))
  const entry = fc.dictionary(
    fc.constantFrom('id', 'size', 'camera_name', 'device_name', 'created_at', 'clip_start_millis'),
    part,
  )
  const answer = fc.dictionary(
    fc.constantFrom('manifest_id', 'clips', 'media', 'complete', 'status', 'status_code', 'id', 'usb_state'),
    fc.oneof(part, fc.array(entry, { maxLength: 4 }), {
      weight: 2,
      arbitrary: fc.constantFrom(true, false, 7, '7'),
    }),
  )
  const readers = [readManifest, readCommand, readClipRequest, readStorageStatus, readCameras]

  fc.assert(
    fc.property(answer, fc.constantFrom(...readers), (json, reader) => {
      try {
        reader(json as never)
      } catch (error) {
        expect(error).toBeInstanceOf(CloudChanged)
        expect(String(error)).not.toContain('sesame')
      }
    }),
    { numRuns: 250 },
  )
})
