import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { WebSessions } from '../../../src/domain/ports.ts'
import { memorySessions } from '../../../src/web/memory-sessions.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { openPage, type Visitor } from '../../support/page.ts'

const env = { WEB_PASSWORD: 'a long password' }
const afar = { peer: '192.168.1.9' }
const host = '192.168.1.5:8090'

/** Tries a password as a person does, with the form in front of them. */
async function open(visitor: Visitor, password: string): Promise<string> {
  await visitor.get('/')
  return (await visitor.post('/login', { password })).text
}
const overview = '<h1>Overview</h1>'

test('with a password no page and no form is there without it', async () => {
  const page = openPage({ env })
  for (const path of ['/', '/accounts', '/accounts/sign-in', '/nowhere']) {
    const { status, text } = await page.get(path)
    expect([status, text.includes('<h1>Password</h1>'), text.includes('<nav')]).toEqual([401, true, false])
  }

  expect((await page.get('/api/v1/status', { accept: '*/*' })).status).toBe(401)
  expect((await page.post('/accounts/sign-out', { account: '8021' })).status).toBe(401)
  expect((await page.get('/assets/style.css')).status).toBe(200)
})

test('the right password opens the page to this browser only, until it is locked again', async () => {
  const page = openPage({ env })

  expect(await open(page, 'a long password')).toContain(overview)
  expect((await page.get('/accounts')).status).toBe(200)
  expect((await page.visitor().get('/')).status).toBe(401)
  const before = new Map(page.cookies)
  await page.post('/logout')

  expect((await page.get('/')).status).toBe(401)
  for (const [name, value] of before) page.cookies.set(name, value)
  expect((await page.get('/')).status).toBe(401)
})

test('a wrong password is shown beside its field', async () => {
  const text = await open(openPage({ env }), 'another password')

  expect(text).toContain('This is not the password.')
  expect(text).toMatch(/id="password"[^>]* aria-describedby="message"/)
})

test('ingress asks for no password', async () => {
  const ingress = openPage({ env }).visitor({ listener: 'ingress', peer: '172.30.32.2' })

  expect((await ingress.get('/')).text).toContain(overview)
})

test('a session of ingress opens nothing on the direct listener', async () => {
  const page = openPage({ env })
  const ingress = page.visitor({ listener: 'ingress', peer: '172.30.32.2' })
  await ingress.get('/')
  for (const [name, value] of ingress.cookies) page.cookies.set(name, value)

  expect((await page.get('/')).status).toBe(401)
})

test('guesses are limited over all who guess, and the right one is then refused too', async () => {
  const page = openPage({ env })
  const stranger = (last: number) => page.visitor({ peer: `192.168.1.${last}` }, host)
  for (let guess = 1; guess <= 5; guess++) {
    expect(await open(stranger(guess), `guess ${guess}`)).toContain('This is not the password')
  }

  const late = await open(stranger(6), 'a long password')
  expect(late).toContain('Too many wrong passwords. Try again in 30 seconds.')
  await page.clock.advance(30_000)
  expect(await open(stranger(6), 'a long password')).toContain(overview)
})

test('a right password frees no guesses for those who do not know it', async () => {
  const page = openPage({ env })
  const guesses: string[] = []
  for (let guess = 1; guess <= 6; guess++) {
    guesses.push(await open(page.visitor(afar, host), `guess ${guess}`))
    await open(page.visitor({ peer: '192.168.1.20' }, host), 'a long password')
  }

  expect(guesses[4]).toContain('This is not the password')
  expect(guesses[5]).toContain('Too many wrong passwords')
})

test('who guesses from elsewhere does not keep out who sits at the machine', async () => {
  const page = openPage({ env })
  for (let guess = 1; guess <= 50; guess++) await open(page.visitor(afar, host), `guess ${guess}`)

  expect(await open(page.visitor(), 'a long password')).toContain(overview)
})

test('guesses at the machine itself end nobody for ever', async () => {
  const page = openPage({ env })
  for (let guess = 1; guess <= 50; guess++) await open(page, `guess ${guess}`)

  expect(await open(page, 'a long password')).toContain('Too many')
  await page.clock.advance(30_000)
  expect(await open(page, 'a long password')).toContain(overview)
})

test('a proxy on this machine does not make strangers sit at it', async () => {
  const page = openPage({ env })
  for (let guess = 1; guess <= 5; guess++) {
    const proxied = page.visitor()
    await proxied.get('/')
    await proxied.post('/login', { password: `guess ${guess}` }, { 'x-forwarded-for': '203.0.113.7' })
  }

  expect(await open(page.visitor(), 'a long password')).toContain(overview)
})

test('a session that somebody else has chosen is not the one that is opened', async () => {
  const page = openPage({ env })
  await page.get('/')
  const [name = ''] = page.cookies.keys()
  const chosen = 'A'.repeat(43)
  page.cookies.set(name, chosen)

  expect(await open(page, 'a long password')).toContain(overview)
  expect(page.cookies.get(name)).not.toBe(chosen)
  const attacker = page.visitor()
  attacker.cookies.set(name, chosen)
  expect((await attacker.get('/')).status).toBe(401)
})

test('a form token of before the password is worth nothing after it', async () => {
  const page = openPage({ env })
  const before = /name="form_token" value="([^"]+)"/.exec((await page.get('/')).text)?.[1] ?? ''
  await open(page, 'a long password')

  expect((await page.post('/accounts/sign-out', { account: '8021', form_token: before })).status).toBe(403)
})

test('the cookie is for this page alone', async () => {
  const [cookie] = (await openPage().get('/')).headers.getSetCookie()

  expect(cookie).toMatch(/^blink-manifestd-1a2b3c4d=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
})

test('the cookie is Secure where the page is reached by https', async () => {
  const page = openPage({ env: { ...env, WEB_ORIGINS: 'https://blink.example' } })
  const cookieAt = async (name: string, origin: string) => {
    const visitor = page.visitor({}, name)
    const [first = ''] = (await visitor.get('/')).headers.getSetCookie()
    const body = new URLSearchParams({
      password: 'a long password',
      form_token: /name="form_token" value="([^"]+)"/.exec((await visitor.get('/')).text)?.[1] ?? '',
    })
    const opened = await visitor.send('/login', { method: 'POST', body, headers: { origin } })
    return [first, ...opened.headers.getSetCookie()].map((cookie) => cookie.includes('; Secure'))
  }

  expect(await cookieAt('blink.example', 'https://blink.example')).toEqual([true, true])
  expect(await cookieAt('127.0.0.1:8090', 'http://127.0.0.1:8090')).toEqual([false, false])
  // A proxy that names itself as the host.
  expect(await cookieAt('127.0.0.1:8090', 'https://blink.example')).toEqual([false, true])
})

test('a session ends after a month without use, and not while it is used', async () => {
  const page = openPage({ env })
  await open(page, 'a long password')
  const dayMs = 24 * 60 * 60 * 1000

  for (let day = 0; day < 40; day++) {
    await page.clock.advance(dayMs)
    expect((await page.get('/')).status).toBe(200)
  }
  await page.clock.advance(31 * dayMs)
  expect((await page.get('/')).status).toBe(401)
})

test('the password is in no answer and no line of the log', async () => {
  const page = openPage({ env })
  const texts = [await open(page, 'a long password'), (await page.get('/settings')).text]

  expect(JSON.stringify([texts, page.log.lines])).not.toContain('a long password')
})

test('the log names who gave a wrong password, as often as one may try', async () => {
  const page = openPage({ env })
  for (let guess = 1; guess <= 50; guess++) await open(page.visitor(afar, host), `guess ${guess}`)

  const lines = page.log.lines.filter(({ message }) => message === 'wrong password at the page')
  expect(lines).toHaveLength(5)
  expect(lines[0]).toMatchObject({ level: 'warn', fields: { peer: '192.168.1.9' } })
})

/** Pages of several daemons that share a store. */
function sharedPages(sessions: WebSessions = memorySessions(fakeClock())) {
  const shared = {
    sessions,
    formKey: new Uint8Array(32),
    instances: async () => [],
    lastRun: async () => undefined,
    instance: 'one',
    accountsInWork: () => 0,
    holdsBridge: () => false,
  }
  const open = () => openPage({ env, needs: { shared } })
  return [open(), open()] as const
}

test('who has signed in at one of several daemons may see the page of another, until signing out', async () => {
  const [one, other] = sharedPages()
  await open(one, 'a long password')
  for (const [name, value] of one.cookies) other.cookies.set(name, value)
  expect((await other.get('/')).text).toContain(overview)

  await other.post('/logout')

  expect((await one.get('/')).status).toBe(401)
})

test('a form of one of several daemons is taken by another', async () => {
  const [one, other] = sharedPages()
  await open(one, 'a long password')
  for (const [name, value] of one.cookies) other.cookies.set(name, value)
  const [, token] = /name="form_token" value="([^"]+)"/.exec((await one.get('/accounts/import')).text) ?? []

  const sent = await other.send('/logout', {
    method: 'POST',
    headers: { origin: 'http://127.0.0.1:8090', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ form_token: token ?? '' }).toString(),
  })

  expect(sent.status).toBeLessThan(400)
  expect((await one.get('/')).status).toBe(401)
})

test('a store that is away tells its address to nobody who is not signed in', async () => {
  const [page] = sharedPages({
    ...memorySessions(fakeClock()),
    use: () => Promise.reject(new StoreFailed('cannot connect to PostgreSQL at db.lan:5432/blink')),
  })
  await page.get('/')

  const { status, text } = await page.get('/')

  expect(status).toBe(503)
  expect(text).not.toContain('db.lan')
})
