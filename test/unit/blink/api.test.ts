import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CallKind, calls, regionOf, targetOf } from '../../../src/blink/api.ts'

const of = (kind: CallKind, url: string) => targetOf({ url }, calls[kind])
const manifest = '/api/v1/accounts/1/networks/2/sync_modules/3/local_storage/manifest/request'

test('each call has its path, below whatever base path the settings name', () => {
  expect(of('token', 'https://api.oauth.blink.com/oauth/token').pathname).toBe('/oauth/token')
  expect(of('tier_info', 'http://127.0.0.1:8080/rest-prod/api/v1/users/tier_info').port).toBe('8080')
  expect(of('homescreen', 'https://rest-e008.immedia-semi.com/api/v3/accounts/8021/homescreen').hash).toBe('')
  expect(of('manifest_request', `https://proxy.example/blink/rest-e008${manifest}`).host).toBe(
    'proxy.example',
  )
})

test.each<[CallKind, string]>([
  ['token', 'https://api.oauth.blink.com/oauth/v2/signin'],
  ['token', `https://x.example${manifest}`],
  ['homescreen', 'https://x.example/api/v3/accounts/8021/homescreen?x=1'],
  ['homescreen', 'https://x.example/api/v3/accounts/8021/homescreen/'],
  ['homescreen', 'https://x.example/api/v3/accounts/../homescreen'],
  ['homescreen', 'https://user:pw@x.example/api/v3/accounts/8021/homescreen'],
  ['homescreen', 'file:///api/v3/accounts/8021/homescreen'],
  ['manifest_request', 'https://x.example/api/v1/accounts/1/networks/2/sync_modules/3/local_storage'],
  ['manifest_request', `https://x.example${manifest.replace('manifest/request', 'format')}`],
  ['manifest_request', `https://x.example${manifest.replace('/3/', '/3%2F/')}`],
  ['manifest_request', `https://x.example${manifest.replace('/3/', '/-3/')}`],
  ['manifest_request', `https://x.example${manifest}/7`],
])('no other way leads to the cloud: %s %s', (kind, url) => {
  expect(() => of(kind, url)).toThrow('is not a call we make')
})

test('a region is a plain label, in lower case', () => {
  expect(['e006', 'U011', 'prod', 'e-1'].map(regionOf)).toEqual(['e006', 'u011', 'prod', 'e-1'])
})

test("the first label of a region's host names the region", () => {
  expect(['rest-e006', 'REST-U011', 'rest-', 'rest--e1'].map(regionOf)).toEqual([
    'e006',
    'u011',
    undefined,
    undefined,
  ])
})

test.each([
  '',
  '-e1',
  'e008.evil.example',
  'e008/',
  'evil.example#',
  'e008@evil',
  'e 8',
  'ё008',
  'a'.repeat(21),
  'e008\n',
])('a region that could lead a token elsewhere is none: %j', (text) => {
  expect(regionOf(text)).toBeUndefined()
})

test('no region changes whose host it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { hostname, pathname } = new URL(`https://rest-${regionOf(text) ?? 'prod'}.immedia-semi.com/x`)
      expect(hostname).toMatch(/^rest-[a-z0-9-]+\.immedia-semi\.com$/)
      expect(pathname).toBe('/x')
    }),
  )
})
