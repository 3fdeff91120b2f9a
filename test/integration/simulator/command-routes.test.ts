import { expect, test } from 'vitest'
import { differences, field, MODULE, sample, visit } from '../../support/visitor.ts'

test('a command is sent, then acknowledged, then complete, and says 908 all the time', async () => {
  await using world = await visit({ manifestSeconds: 10 })
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')
  const status = async () => (await world.get(`/network/44107/command/${id}`)).json

  const sent = await status()
  world.time.advance(2_000)
  const running = await status()
  world.time.advance(8_000)
  const complete = await status()

  for (const [answer, name] of [
    [sent, 'command-status-sent'],
    [running, 'command-status-running'],
    [complete, 'command-status-complete'],
  ] as const) {
    const published = sample(name).body
    expect(differences(answer, published)).toEqual([])
    for (const key of ['complete', 'status', 'status_code', 'commands.0.state_stage', 'commands.0.sm_ack']) {
      expect([key, field(answer, key)]).toEqual([key, field(published, key)])
    }
    expect(field(answer, 'commands.0.stage_sm') === null).toBe(
      field(published, 'commands.0.stage_sm') === null,
    )
  }
  expect(differences(complete, sample('command-status-complete-2025').body)).toEqual([])
})

test("the app's newer path returns the same", async () => {
  await using world = await visit()
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')

  const newer = await world.get(`/accounts/8021/networks/44107/commands/${id}`)

  expect(newer.json).toEqual((await world.get(`/network/44107/command/${id}`)).json)
})

test('a command is found in its own network only', async () => {
  await using world = await visit()
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')

  expect((await world.get(`/network/44108/command/${id}`)).json).toMatchObject({ code: 906 })
  expect((await world.get('/network/44107/command/1')).json).toMatchObject({ code: 906 })
})

test('ending a command is for live view only', async () => {
  await using world = await visit()

  expect((await world.post('/network/44107/command/1/done/')).json).toMatchObject({ code: 900 })
})

test('arming and pictures keep the module busy as well', async () => {
  await using world = await visit()

  const arm = await world.post('/api/v1/accounts/8021/networks/44107/state/arm')
  const picture = await world.post('/network/44107/camera/610001/thumbnail')
  const manifest = await world.post(`${MODULE}/manifest/request`)

  expect(arm.json).toMatchObject({ id: 670_000_001, network_id: 44107, command: 'arm' })
  expect(picture.json).toMatchObject({ code: 307 })
  expect(manifest.json).toMatchObject({ code: 307 })
})
