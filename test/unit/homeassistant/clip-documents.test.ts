/** The documents of cameras, and what a sync module's document has of its stick, held against Home Assistant's tables. */
import { expect, test } from 'vitest'
import type { ClipCamera } from '../../../src/domain/clip.ts'
import { clipMessages, clipState, lastClip } from '../../../src/topics/clip-topics.ts'
import { plain } from '../../../src/topics/topics.ts'
import { attributesOf, componentsOf, emptyFaults, refusals, stateOf } from '../../support/acceptance.ts'
import { checkAll, documentOf } from '../../support/checker.ts'
import { bridgeDocument, cameraDocument, moduleDocument, topics } from '../../support/ha-documents.ts'
import { aModule, start } from '../../support/samples.ts'
import { render } from '../../support/template.ts'

const module = aModule()
const { accountId, networkId, syncModuleId } = module
const camera: ClipCamera = {
  ...{ accountId, networkId, syncModuleId },
  ...{ camera: '610003', cameraName: 'FrontDoor', moved: false },
}
const stick = componentsOf([moduleDocument(module, { follows: true })])

test('cameras with and without an id have devices of their own below their module', () => {
  const nameless = { ...camera, camera: 'unknown/0badcafe', cameraName: '' }
  const documents = [camera, nameless].map(cameraDocument)
  const names = documents.map((document) => documentOf(document)?.device)

  expect(checkAll([bridgeDocument(), moduleDocument(module), ...documents])).toEqual([])
  expect(names).toMatchObject([
    { name: 'FrontDoor', via_device: 'blink_manifestd_7f3a9c01_8021_44107_350221' },
    {
      name: 'Camera unknown_0badcafe',
      identifiers: ['blink_manifestd_7f3a9c01_8021_44107_camera_unknown_0badcafe'],
    },
  ])
  expect(componentsOf(documents).map(({ component }) => component.default_entity_id)).toEqual([
    ...['event.blink_camera_610003_clip', 'sensor.blink_camera_610003_last_clip'],
    ...['event.blink_camera_unknown_0badcafe_clip', 'sensor.blink_camera_unknown_0badcafe_last_clip'],
  ])
})

test('what is published of a stick and of a clip is what their entities accept', () => {
  const cameraPlaces = componentsOf([cameraDocument(camera)])
  const counts = { count: 7, waiting: 2, newestAt: start, oldestAt: undefined, lastError: undefined }
  const clips = { ...counts, downloaded: 5, failed: 0, bytes: 9 }
  const saved = {
    ...{ ...camera, eventId: 'e', requestId: '501', createdAt: start, bytes: 440_320 },
    ...{ path: 'Home/a.mp4', sha256: 'ab', downloadedAt: start },
  }
  const event = { kind: 'clip_new', orderKey: 'clip', expiresAt: start, body: saved } as const
  const mediaPrefix = 'media-source://media_source/local'
  const published = [
    plain(topics.bridgeState, 'online'),
    ...clipState(topics.module(module), clips),
    ...clipMessages(topics, event, { mediaPrefix, modulesToo: true, now: start }),
    lastClip(topics, saved, mediaPrefix),
  ]
  const newest = (topic: string) => published.findLast((message) => message.topic === topic)?.payload
  const isOf = ({ component }: (typeof stick)[number]) => String(component.state_topic).endsWith('/clips')

  expect([...stick.filter(isOf), ...cameraPlaces].flatMap((one) => refusals(one, newest))).toEqual([])
  expect(stick.filter(isOf).map((one) => stateOf(one, newest))).toEqual(['2', '7'])
  const last = cameraPlaces.find(({ component }) => component.platform === 'sensor')
  expect(last && stateOf(last, newest)).toBe('2026-11-23T09:00:00.000Z')
  expect(last && attributesOf(last, newest(`${topics.camera(camera)}/last_clip`) ?? '')).toMatchObject({
    media_content_id: 'media-source://media_source/local/Home/a.mp4',
  })
  for (const one of [...stick, ...cameraPlaces]) expect(emptyFaults(one)).toEqual([])
})

test('a drive is nearly full from 3 on, and nothing is known of one that was not read', () => {
  const shown = (id: string, info: object) => {
    const found = stick.find(({ place }) => place.endsWith(` ${id}`))
    return render(String(found?.component.value_template), JSON.stringify(info))
  }

  expect([0, 2, 3, 4].map((storage_warning) => shown('storage_nearly_full', { storage_warning }))).toEqual([
    ...['OFF', 'OFF', 'ON', 'ON'],
  ])
  expect(shown('storage_used', { storage_used_percent: 31 })).toBe('31')
  for (const info of [{}, { storage_used_percent: null, storage_warning: null }]) {
    expect(shown('storage_used', info)).toBe('None')
    expect(shown('storage_nearly_full', info)).toBe('None')
  }
})

test('without following manifests there is no entity of what is on the stick', () => {
  const ids = (follows: boolean) =>
    Object.keys(documentOf(moduleDocument(module, { follows }))?.components as object)
  const expected = ['clips_waiting', 'clips_on_stick', 'storage_used', 'storage_nearly_full']

  expect(ids(true).filter((id) => !ids(false).includes(id))).toEqual(expected)
})
