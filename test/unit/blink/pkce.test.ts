import { expect, test } from 'vitest'
import { makePkce } from '../../../src/blink/pkce.ts'
import { systemClock } from '../../../src/domain/clock.ts'

test('the challenge is that of the example in RFC 7636, appendix B', () => {
  const octets = Buffer.from('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'base64url')

  const { verifier, challenge } = makePkce({ ...systemClock, randomBytes: () => octets })

  expect(verifier.reveal()).toBe('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')
  expect(challenge).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
})
