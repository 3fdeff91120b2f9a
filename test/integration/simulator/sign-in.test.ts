import { expect, test } from 'vitest'
import { demoAccount } from '../../../src/simulator/demo-account.ts'
import { browse } from '../../support/browser.ts'
import { field, sample, visit } from '../../support/visitor.ts'

const withPerson = (person: object) => ({ accounts: [{ ...demoAccount, person }] })

test('a person gets from the first page to tokens that work', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)

  const csrf = await browser.open()
  const wanted = await browser.signIn(csrf)
  const accepted = await browser.code(csrf)
  const tokens = await browser.exchange(await browser.authorized())

  expect(wanted.status).toBe(202)
  expect(Object.keys(wanted.json as object)).toEqual(
    Object.keys(sample('oauth-signin-2fa-202').body as object),
  )
  expect(accepted.status).toBe(201)
  expect(accepted.json).toEqual(sample('oauth-2fa-verified-201').body)
  expect(tokens.json).toMatchObject({ token_type: 'Bearer', scope: 'client' })
  const refreshed = await world.token({ refresh_token: String(field(tokens.json, 'refresh_token')) })
  expect(refreshed.status).toBe(200)
})

test('the wish for a code can come as 412 without details, or without a code', async () => {
  await using bare = await visit(withPerson({ challenge: 412 }))
  const first = browse(bare.simulator)
  expect(await first.signIn(await first.open())).toMatchObject({ status: 412, text: '' })

  await using none = await visit(withPerson({ challenge: 'none' }))
  const second = browse(none.simulator)
  expect((await second.signIn(await second.open())).status).toBe(302)
  expect(await second.authorized()).toMatch(/^sim-code-/)
})

test('a cookie is set on every hop, and without one of them the form is refused', async () => {
  await using world = await visit()

  for (const lost of ['sim_session', 'sim_hop', 'sim_page']) {
    const browser = browse(world.simulator)
    const csrf = await browser.open()
    expect([...browser.cookies.keys()]).toEqual(['sim_session', 'sim_hop', 'sim_page'])
    browser.cookies.delete(lost)
    const refused = await browser.signIn(csrf)
    expect(refused.status).toBe(400)
    expect(refused.json).toEqual(sample('oauth-signin-empty-cookies-400').body)
  }
})

test('a wrong code can be tried again in the same sign-in', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  await browser.signIn(csrf)

  expect((await browser.code(csrf, '000000')).status).toBe(412)
  expect((await browser.code(csrf)).status).toBe(201)
  expect(world.simulator.codesSent(8021)).toBe(1)
})

test('a code is dead after ten minutes', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  await browser.signIn(csrf)

  world.time.advance(10 * 60_000)

  expect((await browser.code(csrf)).status).toBe(412)
})

test('another code is sent by the same form, after the time that was named', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  await browser.signIn(csrf)

  expect(await browser.signIn(csrf)).toMatchObject({ status: 429, json: { next_time_in_secs: 60 } })
  world.time.advance(60_000)
  expect((await browser.signIn(csrf)).status).toBe(202)
  expect(world.simulator.codesSent(8021)).toBe(2)
})

test('one code too many locks the account for an hour, even with the right password', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  for (let sent = 0; sent < 5; sent++) {
    expect((await browser.signIn(csrf)).status).toBe(202)
    world.time.advance(60_000)
  }

  expect((await browser.signIn(csrf)).json).toMatchObject({ code: 106 })
  world.time.advance(59 * 60_000)
  expect((await browser.signIn(csrf)).json).toMatchObject({ code: 106 })
  world.time.advance(60_000)
  expect((await browser.signIn(csrf)).status).toBe(202)
})

test('five wrong codes lock the account as well', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()
  await browser.signIn(csrf)

  for (let wrong = 0; wrong < 4; wrong++) expect((await browser.code(csrf, '1')).status).toBe(412)

  expect((await browser.code(csrf, '1')).json).toMatchObject({ code: 106 })
})

test('a wrong password, a stranger and an account of Amazon are distinguished', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  const csrf = await browser.open()

  expect((await browser.signIn(csrf, { password: 'no' })).status).toBe(401)
  expect((await browser.signIn(csrf, { username: 'nobody@example.com' })).status).toBe(401)
  expect((await browser.signIn('forged')).status).toBe(403)

  await using linked = await visit(withPerson({ amazon: true }))
  const other = browse(linked.simulator)
  const sentAway = await other.signIn(await other.open())
  expect(sentAway.headers.get('location')).toMatch(/^https:\/\/www\.amazon\.com\//)
})

test('the first page refuses shared hardware ids, old apps, and a request without PKCE', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)

  expect((await browser.authorize({ hardware_id: 'Home Assistant' })).status).toBe(406)
  expect((await browser.authorize({ hardware_id: 'Blinkpy' })).status).toBe(406)
  expect((await browser.authorize({ app_version: '27.0' })).status).toBe(426)
  expect((await browser.authorize({ code_challenge: '' })).status).toBe(400)
  expect((await browser.authorize({ code_challenge_method: 'plain' })).status).toBe(400)
})

test('an authorization code is good once, and only for who holds the verifier', async () => {
  await using world = await visit(withPerson({ challenge: 'none' }))
  const browser = browse(world.simulator)
  const fresh = async () => {
    await browser.signIn(await browser.open())
    return browser.authorized()
  }

  const code = await fresh()
  expect((await browser.exchange(code)).status).toBe(200)
  expect(await browser.exchange(code)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
  expect((await browser.exchange(await fresh(), { code_verifier: 'stolen' })).status).toBe(400)
  expect((await browser.exchange(await fresh(), { redirect_uri: 'https://evil.example/' })).status).toBe(400)
  expect((await browser.exchange(await fresh(), { client_id: 'android' })).status).toBe(400)
})

test('nobody gets an authorization code before the sign-in is done', async () => {
  await using world = await visit()
  const browser = browse(world.simulator)
  await browser.signIn(await browser.open())

  expect(await browser.authorized()).toBe('')
})
