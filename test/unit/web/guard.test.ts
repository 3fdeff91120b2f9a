import { expect, test } from 'vitest'
import { openPage } from '../../support/page.ts'

const supervisor = { listener: 'ingress' as const, peer: '172.30.32.2' }
const prefix = '/api/hassio_ingress/a-Token_1'
const form = { 'content-type': 'application/x-www-form-urlencoded' }

/** A page with one form that counts: a wrong Blink address costs nothing and answers 303. */
async function aForm(env: Readonly<Record<string, string>> = {}) {
  const page = openPage({ env })
  const { text } = await page.get('/accounts/sign-in')
  const token = /name="form_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  const post = async (
    headers: Record<string, string>,
    fields: Record<string, string> = { form_token: token },
  ) => {
    const body = new URLSearchParams({ email: 'none', ...fields })
    const answer = await page.send('/accounts/sign-in', { method: 'POST', body, headers })
    return answer.status
  }
  return { page, post, token }
}

test.each([
  ['http://127.0.0.1:8090', 303],
  ['http://127.0.0.1:8091', 403],
  ['http://evil.example', 403],
  ['http://127.0.0.1.evil.example:8090', 403],
  ['http://127.0.0.1:8090@evil.example', 403],
  ['file://127.0.0.1:8090', 403],
  ['null', 403],
  ['', 403],
])('a form from the origin %j is answered with %i', async (origin, status) => {
  const { post } = await aForm()

  expect(await post({ origin })).toBe(status)
})

test('without an origin the referrer counts, and without both nothing', async () => {
  const { post } = await aForm()

  expect(await post({ referer: 'http://127.0.0.1:8090/accounts' })).toBe(303)
  expect(await post({ referer: 'http://evil.example/?http://127.0.0.1:8090/' })).toBe(403)
  expect(await post({ origin: 'null', referer: 'http://127.0.0.1:8090/' })).toBe(403)
  expect(await post({})).toBe(403)
})

test('behind a proxy that ends TLS the scheme does not count, host and port do', async () => {
  const { post } = await aForm({ WEB_ORIGINS: 'https://blink.example' })

  expect(await post({ host: 'blink.example', origin: 'https://blink.example' })).toBe(303)
  // A proxy that names itself as the host.
  expect(await post({ origin: 'https://blink.example' })).toBe(303)
  expect(await post({ origin: 'https://blink.example.evil.example' })).toBe(403)
  expect(await post({ host: 'blink.example', origin: 'https://blink.example:444' })).toBe(403)
  expect(await post({ host: 'blink.example:443', origin: 'https://blink.example' })).toBe(303)
})

test('a form needs the token of its own session', async () => {
  const { page, post } = await aForm()
  const other = page.visitor()
  const stranger =
    /name="form_token" value="([^"]+)"/.exec((await other.get('/accounts/sign-in')).text)?.[1] ?? ''
  const origin = 'http://127.0.0.1:8090'

  expect(await post({ origin }, {})).toBe(403)
  expect(await post({ origin }, { form_token: '' })).toBe(403)
  expect(await post({ origin }, { form_token: stranger })).toBe(403)
  page.cookies.clear()
  expect(await post({ origin })).toBe(403)
})

test.each([
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/jsonp',
  '',
])('a body of the type %j is refused', async (type) => {
  const { page } = await aForm()
  const headers = { origin: 'http://127.0.0.1:8090', 'content-type': type }

  const answer = await page.send('/accounts/sign-in', { method: 'POST', body: '{"a":1}', headers })

  expect(answer.status).toBe(415)
})

test('JSON of another site is refused as a form is', async () => {
  const { page } = await aForm()
  const json = (origin: string) =>
    page.send('/nowhere', {
      method: 'POST',
      body: '{}',
      headers: { origin, 'content-type': 'application/json' },
    })

  expect((await json('http://evil.example')).status).toBe(403)
  expect((await json('http://127.0.0.1:8090')).status).toBe(404)
})

test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY'])('%s of another site is refused', async (method) => {
  const answer = await openPage().send('/accounts', { method, headers: { origin: 'http://evil.example' } })

  expect(answer.status).toBe(403)
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
})

test('a body of more than 64 kB is refused, announced or not', async () => {
  const { page } = await aForm()
  const headers = { origin: 'http://127.0.0.1:8090', ...form }
  const body = 'a'.repeat(64 * 1024 + 1)
  const stream = new ReadableStream({
    start(controller) {
      for (let sent = 0; sent < 100; sent++) controller.enqueue(new TextEncoder().encode('a'.repeat(1024)))
      controller.close()
    },
  })

  const whole = await page.send('/login', { method: 'POST', body, headers })
  const pieces = await page.send('/login', {
    method: 'POST',
    body: stream,
    headers,
    duplex: 'half',
  } as RequestInit)

  expect([whole.status, pieces.status]).toEqual([413, 413])
})

test.each([
  ['127.0.0.1:8090', 200],
  ['localhost:8090', 200],
  ['LOCALHOST', 200],
  ['blink.localhost:8090', 200],
  ['[::1]:8090', 200],
  ['192.168.1.5:8090', 200],
  ['[fe80::1]', 200],
  ['evil.example', 403],
  ['evil.example:8090', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.evil.example', 403],
  ['homeassistant.local:8090', 403],
  ['127.0.0.1/evil', 400],
  ['127.0.0.1@evil.example', 400],
])('a request for the host %j is answered with %i', async (host, status) => {
  const answer = await openPage().get('/', { host })

  expect(answer.status).toBe(status)
  if (status !== 200) expect(answer.text).not.toContain('evil')
})

test('a host of web.origins is ours, on any port, and its neighbours are not', async () => {
  const page = openPage({ env: { WEB_ORIGINS: 'https://blink.example' } })
  const status = async (host: string) => (await page.get('/', { host })).status

  expect(await status('blink.example')).toBe(200)
  expect(await status('BLINK.example:8443')).toBe(200)
  expect(await status('www.blink.example')).toBe(403)
})

test('an asset is not given to a strange host either', async () => {
  expect((await openPage().get('/assets/page.js', { host: 'evil.example' })).status).toBe(403)
})

test.each([
  ['172.30.32.2', 200],
  ['::ffff:172.30.32.2', 200],
  ['127.0.0.1', 200],
  ['::1', 200],
  ['::ffff:127.0.0.1', 200],
  ['172.30.32.3', 403],
  ['172.30.32.22', 403],
  ['192.168.1.9', 403],
  ['::ffff:192.168.1.9', 403],
  ['fe80::1', 403],
  ['', 403],
])('ingress answers the peer %j with %i', async (peer, status) => {
  const headers = { 'x-forwarded-for': '172.30.32.2', 'x-real-ip': '127.0.0.1' }

  expect((await openPage().visitor({ listener: 'ingress', peer }).get('/', headers)).status).toBe(status)
})

test('ingress takes any host of the Supervisor, and none of this machine', async () => {
  const page = openPage()
  const host = 'homeassistant.local:8123'

  expect((await page.visitor(supervisor).get('/', { host })).status).toBe(200)
  // A browser on this machine that was led here by a name.
  const here = { ...supervisor, peer: '127.0.0.1' }
  expect((await page.visitor(here).get('/', { host: 'evil.example' })).status).toBe(403)
})

test('a form below ingress is taken from the host that it was shown at', async () => {
  const visitor = openPage().visitor(supervisor, 'homeassistant.local:8123')
  await visitor.get('/accounts/sign-in', { 'x-ingress-path': prefix })
  const post = (origin: string) => visitor.post('/accounts/sign-in', { email: 'none' }, { origin })

  expect((await post('http://homeassistant.local:8123')).text).toContain('This is no e-mail address')
  expect((await post('http://evil.example')).status).toBe(403)
})

test.each([
  prefix,
  `${prefix}/`,
  `${prefix}"><script>alert(1)</script>`,
  '/api/hassio_ingress/../../evil',
  '//evil.example/api/hassio_ingress/x',
  '/api/hassio_ingress/x; Domain=evil.example',
])('the prefix %j is used for the cookie only when it is one, and never shown', async (path) => {
  const answer = await openPage().visitor(supervisor).get('/', { 'x-ingress-path': path })
  const [cookie = ''] = answer.headers.getSetCookie()

  expect(cookie).toContain(path === prefix ? `Path=${prefix};` : 'Path=/;')
  expect(answer.text).not.toContain('hassio_ingress')
  expect(answer.text).not.toContain('alert(1)')
})

test('the prefix of ingress counts for nothing on the direct listener', async () => {
  const answer = await openPage().get('/', { 'x-ingress-path': prefix })

  expect(answer.headers.getSetCookie()[0]).toContain('Path=/;')
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
})

test('headers of proxies change nothing', async () => {
  const page = openPage({ env: { WEB_PASSWORD: 'secret' } })
  const headers = {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    'x-remote-user-name': 'admin',
    forwarded: 'for=127.0.0.1;host=evil.example;proto=https',
  }

  const answer = await page.get('/', headers)

  expect(answer.status).toBe(401)
  expect(answer.text).not.toContain('evil')
  expect(answer.headers.getSetCookie()[0]).not.toContain('Secure')
})

test('every answer carries the headers of a page that trusts nobody', async () => {
  const page = openPage()
  for (const path of ['/', '/assets/style.css', '/nowhere']) {
    const { headers } = await page.get(path)

    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('server')).toBeNull()
  }
})

test('below ingress the page may be framed by its own origin', async () => {
  const { headers } = await openPage().visitor(supervisor).get('/')

  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'self'")
  expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
})

test.each([
  '/assets/../../../package.json',
  '/assets/..%2f..%2fpackage.json',
  '/assets/%2e%2e%2fweb.ts',
  '/assets/%2fetc%2fpasswd',
  '/assets/style.css%00.js',
  '/assets/constructor',
  '/assets/',
  '/clips/..%2f..%2f..%2fetc%2fpasswd',
])('%s leads to no file', async (path) => {
  const answer = await openPage().get(path)

  expect(answer.status).toBe(404)
  expect(answer.text).not.toMatch(/"dependencies"|import |root:/)
})

test('what stands in an address is never shown', async () => {
  const attack = '<script>alert(1)</script>'
  const page = openPage()
  for (const path of [
    '/',
    '/accounts',
    '/accounts/sign-out',
    '/accounts/sign-in',
    '/nowhere',
    '//evil.example/x',
  ]) {
    const { text } = await page.get(
      `${path}?message=${encodeURIComponent(attack)}&account=${encodeURIComponent(attack)}`,
    )

    expect(text).not.toContain('<script>alert')
    expect(text).not.toContain('//evil.example')
  }
})
