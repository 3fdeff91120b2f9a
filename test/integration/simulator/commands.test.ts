import { expect, test } from 'vitest'
import { field, MODULE, visit } from '../../support/visitor.ts'

test('a request id lives for twenty minutes', async () => {
  await using world = await visit()
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')

  world.time.advance(20 * 60_000 - 1)
  expect((await world.get(`${MODULE}/manifest/request/${id}`)).status).toBe(200)
  world.time.advance(1)

  expect((await world.get(`${MODULE}/manifest/request/${id}`)).json).toMatchObject({ code: 2104 })
})

test("one module's manifest is no other module's", async () => {
  await using world = await visit()
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')
  world.time.advance(4_000)
  const hall = MODULE.replace('44107', '44108').replace('350221', '350222')

  expect((await world.get(`${hall}/manifest/request/${id}`)).json).toMatchObject({ code: 2104 })
  expect((await world.post(`${hall}/manifest/8977/clip/request/1282703322`)).json).toMatchObject({
    code: 2104,
  })
})
