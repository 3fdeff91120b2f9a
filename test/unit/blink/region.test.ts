import fc from 'fast-check'
import { expect, test } from 'vitest'
import { regionOf } from '../../../src/blink/region.ts'

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
