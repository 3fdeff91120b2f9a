import { expect, test } from 'vitest'
import {
  type BodyCode,
  bodyCodes,
  type HttpStatus,
  oauthErrors,
  verdictOfStatus,
} from '../../../src/blink/response-codes.ts'

test.each([
  ['busy', [307, 308, 2113]],
  ['offline', [402]],
  ['no_storage', [416, 2122, 107, 414]],
  ['incompatible', [2105]],
  ['token_refused', [100, 101]],
  ['throttled', [106, 110, 111]],
  ['refused', [400, 401, 406, 103, 105, 700, 900, 906, 911, 2103, 2104, 2111]],
])('the body codes of "%s" are these', (as, codes) => {
  const found = [...bodyCodes].filter(([, verdict]) => verdict.as === as).map(([code]) => code)

  expect(found.sort()).toEqual([...codes].sort())
})

test('every status has a verdict', () => {
  for (let status = -1; status < 1100; status++) {
    if (status >= 200 && status < 300) continue
    expect(verdictOfStatus(status, true).says).not.toBe('')
    expect(verdictOfStatus(status, false).as).not.toBe('busy')
  }
})

test('each message is ours: a sentence without a full stop, and a remedy with one', () => {
  for (const { says, remedy } of [...bodyCodes.values(), ...oauthErrors.values()]) {
    expect(says).toMatch(/[^.]$/)
    if (remedy !== undefined) expect(remedy).toMatch(/\.$/)
  }
})

test('a body code cannot be taken for a status, nor a status for a body code', () => {
  const code: BodyCode = 402
  const status: HttpStatus = 402

  // @ts-expect-error they are different things
  const wrong: HttpStatus = code
  // @ts-expect-error in both directions
  const wrongToo: BodyCode = status

  expect([wrong, wrongToo]).toEqual([402, 402])
})
