import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Secret } from '../../src/domain/secret.ts'
import { asJson, logTo, readable } from '../../src/log.ts'
import { drivesTerminal, hostileText } from '../support/hostile.ts'

type Form = 'json' | 'pretty' | 'coloured'

/** A log of a form, and all it has written. */
async function written(form: Form) {
  const lines: string[] = []
  const output = { write: (line: string) => void lines.push(line) }
  const log = logTo(form === 'json' ? asJson(output) : await readable(output, form === 'coloured'), 'trace')
  return { log, lines }
}

const forms: readonly Form[] = ['json', 'pretty', 'coloured']

test.each(forms)('in a %s log no field can drive a terminal, forge a line or break one', async (form) => {
  const { log, lines } = await written(form)

  fc.assert(
    fc.property(hostileText, hostileText, (text, other) => {
      lines.length = 0
      log.warn({ name: text, deep: { list: [other] }, err: new Error(text), [`x${other}`]: text }, 'line')

      const uncoloured = lines.join('').replace(/\u001b\[\d+m/g, '')
      expect(lines).toHaveLength(1)
      expect(form === 'coloured' ? uncoloured : lines.join('')).not.toMatch(drivesTerminal)
      expect(uncoloured.trimEnd().split('\n')).toHaveLength(1)
    }),
    { numRuns: 200 },
  )
})

test('a JSON line keeps the meaning of its fields', async () => {
  const { log, lines } = await written('json')

  log.info({ name: 'a\u001b[31m\u202eb' }, 'line')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ name: 'a\u001b[31m\u202eb', msg: 'line', level: 30 })
})

test.each(forms)('in a %s log an error is its message, and nothing a library hung on it', async (form) => {
  const { log, lines } = await written(form)
  const token = 'sim-access-1234567890'
  const request = { headers: { authorization: `Bearer ${token}` }, body: `refresh_token=${token}` }
  const cause = Object.assign(new Error('other side closed'), {
    code: 'UND_ERR_SOCKET',
    ...request,
    opts: request,
  })
  const error = Object.assign(new Error('no answer', { cause }), {
    request,
    response: { text: token },
    token,
  })
  cause.cause = error

  log.error({ err: error, failure: error, login: new Secret(token) }, 'line')
  log.error(Object.assign(new Error('bare'), { request }), 'line')

  expect(lines.join('')).toContain('no answer')
  expect(lines.join('')).toContain('UND_ERR_SOCKET')
  expect(lines.join('')).toContain('bare')
  expect(lines.join('')).not.toContain(token)
})

test('the level can be changed while running', async () => {
  const { log, lines } = await written('json')
  log.level = 'error'

  log.warn({}, 'unheard')
  log.error({}, 'heard')
  expect(log.level).toBe('error')
  expect(lines).toHaveLength(1)
})
