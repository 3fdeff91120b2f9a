import { expect, test } from 'vitest'
import { MODULE, visit } from '../../support/visitor.ts'

test.each([
  ['DELETE', MODULE],
  ['DELETE', '/api/v1/accounts/8021/anything'],
  ['POST', `${MODULE}/format`],
  ['POST', `${MODULE}/eject`],
  ['POST', `${MODULE}/mount`],
  ['POST', `${MODULE}/manifest/8977/clip/delete/1282703322`],
  ['POST', '/api/v1/accounts/8021/media/delete'],
])('%s %s is refused, does nothing and is on record', async (method, path) => {
  await using world = await visit()

  const answer = await world.send(method, path)

  expect(answer.status).toBe(403)
  expect(world.simulator.module(44107, 350221).clips).toHaveLength(3)
  expect(world.simulator.calls.at(-1)).toMatchObject({ kind: 'forbidden', method, path, status: 403 })
})
