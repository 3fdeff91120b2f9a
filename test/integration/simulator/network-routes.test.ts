import { expect, test } from 'vitest'
import { differences, field, MODULE, sample, visit } from '../../support/visitor.ts'

test('the list of networks has every published field', async () => {
  await using world = await visit()

  const { json } = await world.get('/networks')

  const published = sample('networks-list').body
  expect(differences(field(json, 'networks.0'), field(published, 'networks.0'))).toEqual([])
  expect(field(json, 'summary.44107')).toEqual({ name: 'Home', onboarded: true })
})

test('a network says that it is busy while its module works', async () => {
  await using world = await visit()
  await world.post(`${MODULE}/manifest/request`)

  const busy = (await world.get('/network/44107')).json
  world.time.advance(4_000)
  const free = (await world.get('/network/44107')).json

  expect(field(busy, 'network.busy')).toBe(true)
  expect(field(free, 'network.busy')).toBe(false)
})

test('updating a network returns it and keeps no module busy', async () => {
  await using world = await visit()

  const updated = await world.post('/network/44107/update')

  expect(field(updated.json, 'network')).toMatchObject({ id: 44107, sync_module_error: false })
  expect((await world.post(`${MODULE}/manifest/request`)).status).toBe(200)
})

test('the module of a network has every published field', async () => {
  await using world = await visit()

  const { json } = await world.get('/network/44107/syncmodules')

  expect(differences(json, sample('network-syncmodules').body)).toEqual([])
  expect(field(json, 'syncmodule')).toMatchObject({ id: 350221, network_id: 44107 })
})

test('cameras are listed in the ways that clients request them', async () => {
  await using world = await visit()

  expect(field((await world.get('/network/44107/cameras')).json, 'devicestatus')).toHaveLength(2)
  const config = await world.get('/network/44107/camera/610001/config')
  expect(field(config.json, 'camera.0')).toMatchObject({ id: 610001, type: 'catalina' })
  expect((await world.get('/network/44107/camera/610001/signals')).json).toMatchObject({ temp: 68 })
  expect((await world.get('/network/44108/camera/610001/signals')).status).toBe(404)
  const owl = await world.get('/api/v1/accounts/8021/networks/44108/owls/610004/config')
  expect(owl.json).toMatchObject({ name: 'Kitchen' })
  const picture = await world.get(String(field(config.json, 'camera.0.thumbnail')))
  expect(picture).toMatchObject({ status: 200, type: 'image/jpeg' })
})

test('usage lists the cameras with a battery, network by network', async () => {
  await using world = await visit()

  const { json } = await world.get('/api/v1/camera/usage')

  expect(field(json, 'networks.1')).toMatchObject({ network_id: 44108, cameras: [{ name: 'Front Door' }] })
})

test('the cloud itself holds no clips', async () => {
  await using world = await visit()

  const changed = await world.get('/api/v1/accounts/8021/media/changed?since=2026-11-23T00:00:00+0000&page=1')

  expect(changed.json).toMatchObject({ media: [] })
  expect((await world.get('/api/v2/videos/count')).json).toEqual({ count: 0 })
})
