/** The way to the cloud through a proxy: what the proxy gets, what it never gets, and how its failures read. */
import { rmSync } from 'node:fs'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { HostUnknown } from '../../../src/blink/connection-errors.ts'
import type { Proxies } from '../../../src/blink/connections.ts'
import { CloudUnreachable } from '../../../src/domain/errors.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { failing, open, until } from '../../support/http-client.ts'
import { answering, calm, homescreenCall, manifestCall, tcpPeer } from '../../support/peer.ts'
import { proxyPeer } from '../../support/proxy-peer.ts'
import { certificate, hasOpenssl, tlsPeer } from '../../support/tls-peer.ts'

const password = 'hunter2/hunter2'
const login = `ann:${password}`
const encoded = `ann:${encodeURIComponent(password)}`

function both(host: string, more: Partial<Proxies> = {}): Proxies {
  const url = host === '' ? undefined : new Secret(`http://${encoded}@${host}`)
  return { https: url, http: url, except: '', ...more }
}

test.runIf(hasOpenssl())('HTTPS goes through a tunnel, and the password to the proxy only', async () => {
  await using cloud = await tlsPeer('200101000000Z', '491231235959Z')
  await using proxy = await proxyPeer({ login })
  await using http = open({ proxies: both(proxy.host), ca: cloud.cert })
  const host = `rest-e008.invalid:${new URL(cloud.url).port}`

  const answer = await http.request(manifestCall(`https://${host}`), calm())

  expect(answer.text).toBe('{"id":1}')
  expect(proxy.asked.map(({ target }) => target)).toEqual([host])
  expect(proxy.asked[0]?.headers.authorization).toBeUndefined()
})

test('plain HTTP uses a tunnel as well, and the cloud learns nothing of the proxy', async () => {
  await using cloud = await answering(200, { id: 1 })
  await using proxy = await proxyPeer({ login })
  await using http = open({ proxies: both(proxy.host) })

  await http.request(manifestCall(`http://rest-e008.invalid:${cloud.port}`), calm())

  expect(proxy.asked.map(({ target }) => target)).toEqual([`rest-e008.invalid:${cloud.port}`])
  expect(cloud.seen.map(({ headers }) => headers['proxy-authorization'])).toEqual([undefined])
})

test.runIf(hasOpenssl())('a wrong certificate behind a proxy gets no request', async () => {
  await using cloud = await tlsPeer('200101000000Z', '491231235959Z')
  await using proxy = await proxyPeer()
  await using http = open({ proxies: both(proxy.host) })
  const host = `rest-e008.invalid:${new URL(cloud.url).port}`

  const error = await failing(http, manifestCall(`https://${host}`))

  expect(error.message).toBe(
    `manifest request: rest-e008.invalid, through the proxy ${proxy.host}, shows a certificate that is not to be trusted`,
  )
  expect(cloud.seen).toEqual([])
})

test.runIf(hasOpenssl())(
  'a proxy that speaks TLS shows a certificate first, and then gets the password',
  async () => {
    const { cert, key, dir } = certificate('200101000000Z', '491231235959Z')
    onTestFinished(() => rmSync(dir, { recursive: true }))
    await using cloud = await answering(200, { id: 1 })
    await using proxy = await proxyPeer({ login, tls: { cert, key } })
    const { port } = new URL(`https://${proxy.host}`)
    const proxies = both('', { http: new Secret(`https://${encoded}@localhost:${port}`) })
    await using suspicious = open({ proxies })
    await using trusting = open({ proxies, ca: cert })
    const call = manifestCall(`http://rest-e008.invalid:${cloud.port}`)

    const error = await failing(suspicious, call)
    expect(error.message).toContain(
      `the proxy localhost:${port} shows a certificate that is not to be trusted`,
    )
    expect(proxy.asked).toEqual([])

    await trusting.request(call, calm())
    expect(cloud.seen.length).toBe(1)
  },
)

test.each([
  [407, CloudUnreachable, 'wants a user name and password, or other ones (HTTP 407)'],
  [403, CloudUnreachable, 'does not let us through to rest-e008.invalid (HTTP 403)'],
  [502, HostUnknown, 'cannot reach rest-e008.invalid (HTTP 502)'],
])('a proxy that answers %i is named, and nothing was done', async (status, kind, says) => {
  await using proxy = await proxyPeer({ status })
  await using http = open({ proxies: both(proxy.host) })

  const error = await failing(http, manifestCall('https://rest-e008.invalid'))

  expect(error).toBeInstanceOf(kind)
  expect(error.message).toBe(`manifest request: the proxy ${proxy.host} ${says}`)
  expect(error).toMatchObject({ outcome: 'not-done' })
  expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
})

test('a proxy that is not there is named, and the cloud is not blamed', async () => {
  const gone = await proxyPeer()
  await gone[Symbol.asyncDispose]()
  await using http = open({ proxies: both(gone.host) })

  const error = await failing(http, homescreenCall('https://rest-e008.invalid'))

  expect(error.message).toBe(`home screen: the proxy ${gone.host} refused the connection`)
  expect(error.remedy).toContain('HTTPS_PROXY')
  expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
})

test('a proxy that hangs up, or speaks something else, ends the request', async () => {
  for (const bytes of ['', 'SSH-2.0-OpenSSH_9.2\r\n']) {
    await using peer = await tcpPeer((socket) => socket.once('data', () => socket.end(bytes)))
    await using http = open({ proxies: both(`127.0.0.1:${peer.port}`) })

    const error = await failing(http, manifestCall('https://rest-e008.invalid'))

    expect(error).toMatchObject({ outcome: 'not-done', retryable: true })
    expect(error.message).toContain(`the proxy 127.0.0.1:${peer.port} `)
  }
})

test('a proxy that does not answer is named, and does not hold up the end', async () => {
  const clock = fakeClock()
  const ended: string[] = []
  await using peer = await tcpPeer((socket) => {
    socket.once('close', () => void ended.push('closed')).resume()
    ended.push('opened')
  })
  const http = open({ clock, proxies: both(`127.0.0.1:${peer.port}`) })
  const asked = failing(http, manifestCall('https://rest-e008.invalid'))
  await until(() => ended.length === 1)

  await clock.advance(20_000)
  await http.close({ graceMs: 0 })

  expect(await asked).toMatchObject({
    outcome: 'not-done',
    message: `manifest request: rest-e008.invalid, through the proxy 127.0.0.1:${peer.port}, did not answer in time`,
  })
  await until(() => ended.length === 2)
})

test.each(['127.0.0.1', '127.1.2.3', 'localhost'])('loopback goes around the proxy: %s', async (host) => {
  await using cloud = await answering(200, {})
  await using proxy = await proxyPeer()
  await using http = open({ proxies: both(proxy.host) })

  // Nobody listens at some of them.
  await http.request(homescreenCall(`http://${host}:${cloud.port}`), calm()).catch(() => undefined)

  expect(proxy.asked).toEqual([])
})

test('hosts of NO_PROXY, and protocols without a proxy, are reached straight', async () => {
  await using proxy = await proxyPeer()
  await using excepting = open({ proxies: both(proxy.host, { except: 'other.example, .invalid' }) })
  await using plainOnly = open({ proxies: both(proxy.host, { https: undefined }) })

  await failing(excepting, homescreenCall('https://rest-e008.invalid'))
  await failing(plainOnly, homescreenCall('https://rest-e008.invalid'))

  expect(proxy.asked).toEqual([])
})
