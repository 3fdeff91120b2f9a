import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigInvalid } from '../../src/errors.ts'
import { readServer, type ServerOptions, shownUrl } from '../../src/mqtt/server.ts'
import { mosquittoTest, startMosquitto } from '../mosquitto.ts'

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

  const told = problems({ url: 'mqtt://broker', ca: join(directory, 'none.pem'), cert: junk })
  expect(told.map((problem) => problem.split(':')[0])).toEqual([
    'mqtt.url',
    'mqtt.ca',
    'mqtt.cert',
    'mqtt.key',
  ])
  expect(told[1]).toContain('cannot be read (ENOENT)')
  rmSync(directory, { recursive: true })
})

mosquittoTest('a key must belong to its certificate', async () => {
  await using mosquitto = await startMosquitto({ tls: 'mutual' })
  const { ca = '', cert = '', key = '' } = mosquitto.certificates ?? {}

  expect(problems({ url: mosquitto.url, ca, cert, key })).toEqual([])
  expect(problems({ url: mosquitto.url, cert: ca, key })).toEqual([
    'mqtt.key: does not belong to the certificate in mqtt.cert',
  ])
})

test('a URL is shown without what may be secret', () => {
  expect(shownUrl('wss://ann:secret@broker:8443/mqtt?token=secret')).toBe('wss://broker:8443/mqtt')
  expect(shownUrl('mqtt://broker:1883')).toBe('mqtt://broker:1883')
})
