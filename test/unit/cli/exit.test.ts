import { expect, test } from 'vitest'
import { exitCodeOf, sentencesOf } from '../../../src/cli/exit.ts'
import { CloudUnreachable, ConfigInvalid, StoreFailed } from '../../../src/domain/errors.ts'
import { Secret } from '../../../src/domain/secret.ts'

const token = 'sim-refresh-1234567890'

/** As libraries make them: the request that failed hangs on the error, and the error on another. */
function laden(): Error {
  const request = { headers: { authorization: `Bearer ${token}` }, body: `refresh_token=${token}` }
  return Object.assign(new Error('other side closed'), {
    code: 'UND_ERR_SOCKET',
    request,
    token: new Secret(token),
  })
}

test.each([
  ['a bug', new TypeError('x is not a function', { cause: laden() }), 1],
  ['a bug with a request on it', laden(), 1],
  ['many bugs at once', new AggregateError([laden()], 'several', { cause: laden() }), 1],
  ['a cloud that is away', new CloudUnreachable('no answer', { outcome: 'unknown', cause: laden() }), 75],
  ['a disk', new StoreFailed('cannot write', { cause: laden(), remedy: 'Make room.' }), 75],
  ['settings', new ConfigInvalid([{ place: 'mqtt.url', message: 'is no URL' }], { cause: laden() }), 78],
  ['a secret that was thrown', new Secret(token), 1],
])('what is printed of %s holds no secret of its causes', (_, error, code) => {
  expect(sentencesOf(error)).not.toContain(token)
  expect(sentencesOf(error)).toMatch(/^blink-manifestd: /)
  expect(exitCodeOf(error)).toBe(code)
})

test('a bug is printed with where it is, for whoever mends it', () => {
  expect(sentencesOf(laden())).toMatch(/other side closed\n +at .*exit\.test\.ts:\d+/)
})
