import { expect, test } from 'vitest'
import { reply, sample, visit } from '../../support/visitor.ts'

const HOME = '/api/v3/accounts/8021/homescreen'

test('the account is served in its region, and without a region', async () => {
  await using world = await visit()

  expect((await world.get(`/rest-e008${HOME}`)).status).toBe(200)
  expect((await world.get(HOME)).status).toBe(200)
})

test('another region answers like a wrong host, so that a look at the gateway helps', async () => {
  await using world = await visit()

  const wrong = await world.get(`/rest-u011${HOME}`)
  const gateway = await world.get('/rest-prod/api/v1/users/tier_info')

  expect(wrong).toMatchObject({ status: 404, type: 'text/plain; charset=utf-8', json: undefined })
  expect(gateway.json).toMatchObject({ tier: 'e008' })
})

test('the gateway has no home screen', async () => {
  await using world = await visit()

  expect(await world.get(`/rest-prod${HOME}`)).toMatchObject({ status: 404, json: undefined })
})

test('without a good token the answer is that of the real cloud', async () => {
  await using world = await visit()
  const published = sample('error-unauthorized-401-101')

  const answer = await reply(await fetch(`${world.simulator.url}/rest-e008${HOME}`))

  expect(answer.status).toBe(published.status)
  expect(answer.json).toEqual(published.body)
})

test('an access token expires', async () => {
  await using world = await visit({ accessTokenSeconds: 60 })

  world.time.advance(60_000)

  expect((await world.get(HOME)).status).toBe(401)
})

test('all access tokens can be ended at once', async () => {
  await using world = await visit()

  world.simulator.expireAccessTokens()

  expect((await world.get(HOME)).status).toBe(401)
})

test("a token does not open another account's home", async () => {
  await using world = await visit()
  world.simulator.addAccount({ id: 9, region: 'e008', networks: [], modules: [] })

  expect((await world.get('/api/v3/accounts/9/homescreen')).status).toBe(401)
})

test('what nobody knows is not found, in JSON', async () => {
  await using world = await visit()

  const answer = await world.get('/api/v9/whatever')

  expect(answer).toMatchObject({ status: 404, type: 'application/json' })
})

test('a slash at the end makes no difference', async () => {
  await using world = await visit()

  expect((await world.get('/networks/')).status).toBe(200)
})
