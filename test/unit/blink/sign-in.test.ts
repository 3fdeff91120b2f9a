import { expect, test } from 'vitest'
import { cookieHeader, makePkce, noCookies, withCookies } from '../../../src/blink/sign-in.ts'
import { systemClock } from '../../../src/domain/clock.ts'

const now = Date.parse('2026-11-23T09:00:00Z')
const jar = (...lines: string[]) => cookieHeader(withCookies(noCookies, lines, now)).cookie

test('cookies are sent back by name and value, the newest of a name', () => {
  expect(jar('a=1; Path=/; Secure; HttpOnly', 'b=x=y==', 'a=2')).toBe('a=2; b=x=y==')
  expect(jar()).toBeUndefined()
})

test('a cookie ends by Max-Age or by Expires, and the former has the last word', () => {
  expect(jar('a=1', 'a=; Max-Age=0')).toBeUndefined()
  expect(jar('a=1', 'a=gone; expires=Thu, 01 Jan 1970 00:00:00 GMT')).toBeUndefined()
  expect(jar('a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT')).toBe('a=1')
})

test('what is no cookie, is too long or would end the header is passed over', () => {
  expect(jar('nonsense', '=1', 'a=b\r\nx: y', 'a=ü', `a=${'x'.repeat(5000)}`, 'b=1,c=2')).toBeUndefined()
})

test('no host can fill the memory with cookies', () => {
  const lines = Array.from({ length: 200 }, (_, index) => `c${index}=1`)

  expect(withCookies(noCookies, lines, now).size).toBe(50)
})

test('a jar that is printed shows names and no values', () => {
  expect(JSON.stringify([...withCookies(noCookies, ['session=abc'], now)])).not.toContain('abc')
})

test('the challenge is that of the example in RFC 7636, appendix B', () => {
  const octets = Buffer.from('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'base64url')

  const { verifier, challenge } = makePkce({ ...systemClock, randomBytes: () => octets })

  expect(verifier.reveal()).toBe('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')
  expect(challenge).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
})
