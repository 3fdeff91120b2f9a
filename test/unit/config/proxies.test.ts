import { expect, test } from 'vitest'
import { showConfig } from '../../../src/config/load.ts'
import { load, problemsOf } from '../../support/place.ts'

const url = 'http://ann:hunter2@proxy.example:3128'

test('the proxy is shown with its origin, but without its password', () => {
  const loaded = load({ env: { https_proxy: url, NO_PROXY: 'nas.local' } })

  expect(loaded.settings.proxies.https?.reveal()).toBe(`${url}/`)
  expect(JSON.parse(showConfig(loaded, 'json'))).toMatchObject({
    proxy: [
      { name: 'HTTPS_PROXY', value: 'http://[secret]@proxy.example:3128', origin: 'environment https_proxy' },
      { name: 'NO_PROXY', value: 'nas.local', origin: 'environment NO_PROXY' },
    ],
  })
  expect(showConfig(loaded, 'yaml')).toContain(
    '# Proxy for the cloud:\n#   HTTPS_PROXY: http://[secret]@proxy.example:3128 (environment https_proxy)\n',
  )
  expect(JSON.stringify(loaded) + showConfig(loaded, 'json') + showConfig(loaded, 'yaml')).not.toMatch(
    /ann|hunter2/,
  )
})

test('without these variables no proxy is shown', () => {
  const loaded = load({ env: { HTTPS_PROXY: '', NO_PROXY: 'x' } })

  expect(loaded.proxy).toEqual([])
  expect(showConfig(loaded, 'yaml')).not.toContain('roxy')
})

test('host and port alone are an HTTP proxy, and lower case goes first', () => {
  const { proxies } = load({ env: { HTTPS_PROXY: 'one:1', https_proxy: 'two.example:3128' } }).settings

  expect(proxies.https?.reveal()).toBe('http://two.example:3128/')
})

test.each([
  'socks5://ann:hunter2@proxy.example:1080',
  'http://ann:hunter2#1@proxy.example:3128',
  'http://ann:hunter2%zz@proxy.example:3128',
  'http://ann:hunter2@proxy.example:3128/path',
  'http://ann:hunter2@:3128',
  'ann hunter2',
])('a proxy that cannot be used is a problem, and nothing of it is repeated: %s', (text) => {
  const problems = problemsOf({ env: { HTTPS_PROXY: text } })

  expect(problems.map(({ place }) => place)).toEqual(['environment HTTPS_PROXY'])
  expect(JSON.stringify(problems)).not.toMatch(/ann|hunter2/)
})

test('ALL_PROXY is not used, and a warning says so', () => {
  expect(load({ env: { ALL_PROXY: url } }).warnings).toEqual([
    'ALL_PROXY has no effect here: set HTTPS_PROXY for the cloud',
  ])
})
