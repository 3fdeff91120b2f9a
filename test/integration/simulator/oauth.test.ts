import { expect, test } from 'vitest'
import { browse } from '../../support/browser.ts'
import { field, sample, tokenFields, visit } from '../../support/visitor.ts'

test('a refresh gives an access token, its life in seconds, and a new refresh token', async () => {
  await using world = await visit({ accessTokenSeconds: 600 })
  const before = tokenFields(world.simulator).get('refresh_token')

  const answer = await world.token()

  expect(answer.status).toBe(200)
  expect(answer.json).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'client' })
  expect(field(answer.json, 'refresh_token')).not.toBe(before)
  expect(field(answer.json, 'refresh_token')).toBe(tokenFields(world.simulator).get('refresh_token'))
})

test('a refresh token that was used is refused, in the words of the real cloud', async () => {
  await using world = await visit()
  const used = tokenFields(world.simulator).get('refresh_token') ?? ''
  await world.token()

  const answer = await world.token({ refresh_token: used })

  expect(answer.status).toBe(400)
  expect(answer.json).toEqual(sample('oauth-invalid-grant').body)
})

test('rotation can be off, and the refresh token can be left out of the answer', async () => {
  await using world = await visit()
  const first = tokenFields(world.simulator).get('refresh_token')

  world.simulator.rotateRefreshTokens('never')
  const same = await world.token()
  world.simulator.rotateRefreshTokens('omit')
  const none = await world.token()

  expect(field(same.json, 'refresh_token')).toBe(first)
  expect(none.json).not.toHaveProperty('refresh_token')
  expect((await world.token()).status).toBe(200)
})

test('a renewal can be answered by the wish for a code, until a person has signed in', async () => {
  await using world = await visit()
  const { accountId } = world.simulator.person()
  world.simulator.wantCode(accountId)

  expect(await world.token()).toMatchObject({ status: 412, text: '' })
  expect(world.simulator.codesSent(accountId)).toBe(1)

  world.simulator.allowAnotherCode(accountId)
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  await browser.signIn(csrf)
  await browser.code(csrf)
  expect((await browser.exchange(await browser.authorized())).status).toBe(200)
  expect((await world.token()).status).toBe(200)
})

test.each(['Home Assistant', 'Blinkpy'])('the hardware id %s is refused at the edge', async (hardware) => {
  await using world = await visit()

  const inForm = await world.token({ hardware_id: hardware })
  const inHeader = await world.token({}, { hardware_id: hardware })

  for (const answer of [inForm, inHeader]) {
    expect(answer).toMatchObject({ status: 406, type: 'text/plain; charset=utf-8', json: undefined })
  }
})

test('any other hardware id passes', async () => {
  await using world = await visit()

  expect((await world.token({ hardware_id: 'home assistant' })).status).toBe(200)
  expect((await world.token({ hardware_id: '6C5DB6B0-7A0B-4F8E-9D62-0C7D0B6E1F11' })).status).toBe(200)
})

test('a refresh token belongs to the client it was issued to', async () => {
  await using world = await visit()

  const otherClient = await world.token({ client_id: 'android' })
  const noClient = await world.token({ client_id: 'toaster' })

  expect(otherClient).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
  expect(noClient.json).toEqual(sample('oauth-invalid-client').body)
})

test('signing in with a password alone is over', async () => {
  await using world = await visit()
  const published = sample('oauth-password-grant-retired-401')

  const answer = await world.token({ grant_type: 'password', username: 'a', password: 'b' })

  expect(answer.status).toBe(published.status)
  expect(answer.json).toEqual(published.body)
})

test('after a withdrawal only a new sign-in helps', async () => {
  await using world = await visit()

  world.simulator.revoke(8021)
  const refused = await world.token()
  world.simulator.signIn(8021)
  const accepted = await world.token()

  expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
  expect(accepted.status).toBe(200)
})
