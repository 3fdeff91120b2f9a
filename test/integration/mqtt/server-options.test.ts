import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigInvalid } from '../../../src/domain/errors.ts'
import { checkPems, readServer, type ServerOptions, shownUrl } from '../../../src/mqtt/server-options.ts'
import { mosquittoTest, startMosquitto } from '../../support/mosquitto.ts'
import { certificate, hasOpenssl } from '../../support/tls-peer.ts'

function problems(options: ServerOptions): readonly string[] {
  try {
    readServer(options)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.problems.map(({ place, message }) => `${place}: ${message}`)
  }
}

test.each([
  ['mqtt://broker', { protocol: 'mqtt', host: 'broker', port: 1883 }],
  ['mqtts://broker', { protocol: 'mqtts', host: 'broker', port: 8883 }],
  ['mqtt://[fe80::1]:1884', { protocol: 'mqtt', host: 'fe80::1', port: 1884 }],
  ['ws://broker/mqtt?a=b', { protocol: 'ws', host: 'broker', port: 80, path: '/mqtt?a=b' }],
  ['wss://[::1]:8443', { protocol: 'wss', host: '[::1]', port: 8443, path: '/' }],
])('%s is understood', (url, server) => {
  expect(readServer({ url })).toEqual(server)
})

test.each([
  ['broker', 'is no URL'],
  ['http://broker', 'must start with mqtt://'],
  ['mqtt://', 'names no host'],
  ['mqtt://ann:secret@broker', 'must hold no name or password'],
])('%s is refused', (url, complaint) => {
  const [problem] = problems({ url })
  expect(problem).toContain(`mqtt.url: ${complaint}`)
  expect(problem).not.toContain('secret')
})

test('every problem is listed at once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'server-'))
  const junk = join(directory, 'junk.pem')
  writeFileSync(junk, 'junk')

  const found = problems({ url: 'mqtt://broker', ca: join(directory, 'none.pem'), cert: junk })
  expect(found.map((problem) => problem.split(':')[0])).toEqual([
    'mqtt.url',
    'mqtt.ca',
    'mqtt.cert',
    'mqtt.key',
  ])
  expect(found[1]).toContain('cannot be read: there is no such file or directory')
  rmSync(directory, { recursive: true })
})

mosquittoTest('a key must belong to its certificate', async () => {
  await using mosquitto = await startMosquitto({ tls: 'mutual' })
  const { ca = '', cert = '', key = '' } = mosquitto.certificates ?? {}

  expect(problems({ url: mosquitto.url, ca, cert, key })).toEqual([])
  expect(problems({ url: mosquitto.url, cert: ca, key })).toEqual([
    `mqtt.key: ${key} does not belong to the certificate in mqtt.cert`,
  ])
})

test('a wrong PEM file is reported by what it should hold, not what it holds', () => {
  const pem = (what: string) => `-----BEGIN ${what}-----\nbm9uc2Vuc2U=\n-----END ${what}-----\n`

  expect(checkPems({ ca: 'nonsense', cert: pem('CERTIFICATE'), key: pem('PRIVATE KEY') })).toEqual({
    ca: 'is not a PEM file: it has no line with -----BEGIN',
    cert: 'holds no certificate that can be read',
    key: 'holds no private key that can be read without a password',
  })
  expect(checkPems({ cert: '' }).cert).toContain('is not a PEM file')
  expect(checkPems({})).toEqual({})
})

test.runIf(hasOpenssl())('a certificate that is followed by nonsense is reported, and not its key', () => {
  const { cert, key, dir } = certificate('20260101000000Z', '20360101000000Z')
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const nonsense = '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n'

  expect(checkPems({ cert: cert + nonsense, key })).toEqual({
    cert: expect.stringMatching(/^holds what OpenSSL does not take \(.+\)$/),
  })
  expect(checkPems({ cert, key })).toEqual({})
})

test('a key that is protected by a password is reported as one that cannot be used', () => {
  const { privateKey: key } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hush' },
  })

  expect(checkPems({ key })).toEqual({ key: 'holds no private key that can be read without a password' })
})

test('a URL is shown without what may be secret', () => {
  expect(shownUrl('wss://ann:secret@broker:8443/mqtt?token=secret')).toBe('wss://broker:8443/mqtt')
  expect(shownUrl('mqtt://broker:1883')).toBe('mqtt://broker:1883')
})
