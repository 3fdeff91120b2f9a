import { expect, test } from 'vitest'
import type { HttpCall } from '../../../src/blink/api.ts'
import { CloudChanged, CloudRefused } from '../../../src/domain/errors.ts'
import type { Reply } from '../../support/blink-scripted.ts'
import { cloudFixture, module } from '../../support/cloud-fixture.ts'
import { calm } from '../../support/peer.ts'

const base = '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage'
const clip = (id: number) => ({ id, device_name: 'Hall', created_at: '2026-11-28T10:00:00+00:00' })
const pathOf = ({ url }: HttpCall) => url.replace('https://rest-e008.immedia-semi.com', '')

test('a list in pages is fetched to its end and is one manifest', async () => {
  const pages: Readonly<Record<string, Reply>> = {
    [`${base}/manifest/request/501`]: [200, { manifest_id: 9, media: [clip(1)], pagination_key: 'k 1' }],
    [`${base}/media/501?pagination_key=k%201`]: [
      200,
      { manifest_id: 9, media: [clip(2)], pagination_key: 2 },
    ],
    [`${base}/media/501?pagination_key=2`]: [200, { manifest_id: 9, media: [clip(3)], pagination_key: null }],
  }
  const { cloud } = cloudFixture((call) => pages[pathOf(call)] ?? [404, {}])

  const manifest = await cloud.clips.manifest(module, '501', calm())

  expect(manifest).toMatchObject({ manifestId: '9', unreadable: 0 })
  expect(manifest.clips.map(({ clipId }) => clipId)).toEqual(['1', '2', '3'])
})

test('a list that never ends is given up', async () => {
  const { cloud } = cloudFixture(() => [200, { manifest_id: 9, media: [clip(1)], pagination_key: 'again' }])

  await expect(cloud.clips.manifest(module, '501', calm())).rejects.toThrow(CloudChanged)
})

test('where the older list is gone the newer one is read, from then on at once', async () => {
  const { cloud, http } = cloudFixture((call) =>
    call.kind === 'media' ? [200, { manifest_id: 9, media: [clip(1)] }] : [404, {}],
  )

  await cloud.clips.manifest(module, '501', calm())
  await cloud.clips.manifest(module, '502', calm())

  expect(http.calls.filter(({ kind }) => kind.startsWith('m')).map(pathOf)).toEqual([
    `${base}/manifest/request/501`,
    `${base}/media/501`,
    `${base}/media/502`,
  ])
})

test('an id that is known no more is refused, whatever the status, and not looked for elsewhere', async () => {
  const { cloud, http } = cloudFixture(() => [404, { message: 'Invalid Manifest ID', code: 2104 }])

  const error = await cloud.clips.manifest(module, '501', calm()).catch((reason: unknown) => reason)

  expect(error).toBeInstanceOf(CloudRefused)
  expect(error).toMatchObject({ bodyCode: 2104 })
  expect(http.calls.map(({ kind }) => kind)).toEqual(['token', 'manifest'])
})

test('an answer in JSON in place of a clip is no file', async () => {
  const { cloud } = cloudFixture(() => [200, { fine: true }])
  const to = { sink: () => Promise.resolve(), signal: calm() }

  await expect(cloud.clips.fetchClip(module, { manifestId: '9', clipId: '1' }, to)).rejects.toThrow('no file')
})
