import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readYamlSettings } from '../../../src/config/file.ts'
import { loadConfig, settingOptions, showConfig } from '../../../src/config/load.ts'
import { settings as described } from '../../../src/config/schema.ts'
import { ConfigInvalid } from '../../../src/domain/errors.ts'
import { anyCharacter } from '../../support/characters.ts'
import { load, nowhere, problemsOf, problemsOfFile } from '../../support/place.ts'

const secret = 'hunter2-correct-horse'
const variables = described.map(({ env }) => env)

/** All that a loading lets out, whether it worked or not; fails on any other exception. */
function everythingSaid(sources: Parameters<typeof loadConfig>[0]): string {
  try {
    const loaded = loadConfig(sources)
    return [showConfig(loaded, 'yaml'), showConfig(loaded, 'json'), inspect(loaded, { depth: 9 })].join('\n')
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return [error.message, JSON.stringify(error.problems), inspect(error, { depth: 9 })].join('\n')
  }
}

test('a secret is there for who reveals it, and in nothing that is shown', () => {
  const env = { MQTT_USERNAME: 'me', MQTT_PASSWORD: secret, BLINK_TOKENS: `refresh_token=${secret}` }
  const { settings } = load({ env })

  expect(settings.mqtt.password?.reveal()).toBe(secret)
  expect(settings.blink.tokens?.reveal()).toBe(`refresh_token=${secret}`)
  expect(everythingSaid({ env, cwd: nowhere })).toContain('[secret]')
  expect(everythingSaid({ env, cwd: nowhere })).not.toContain(secret)
})

test.for([
  `mqtt://me:${secret}@broker`,
  `mqtt://${secret}@broker`,
  `mqtt://me:pa/${secret}@broker`,
  `mqtt://me:pa#${secret}@broker`,
  `mqtt://me:pa?${secret}@broker`,
  `mqtt://me:${secret} x@broker`,
  `wss://broker/mqtt?token=${secret}`,
  `wss://broker/mqtt#${secret}`,
])('a URL that may hold a password is refused without repeating it: %s', (url) => {
  const [problem, ...others] = problemsOf({ env: { MQTT_URL: url } })

  expect(others).toEqual([])
  expect(problem?.message).not.toContain(secret)
  if (url.includes('@')) expect(problem?.message).toContain('use mqtt.username and mqtt.passwordFile')
})

test.for([
  `mqtt:\n  password: "${secret}`,
  `mqtt:\n  password: @${secret}`,
  `mqtt:\n  password: ${secret}: x`,
  `mqtt:\n  password: [${secret}]`,
  `mqtt:\n  password: {${secret}: x}`,
  `mqtt:\n  password: *${secret}`,
  `mqtt:\n  password: x\n  ${secret}\n`,
  `mqtt:\n  password: |\n    x\n   ${secret}\n`,
  `mqtt:\n  password: "\\q${secret}"`,
  `mqtt:\n  password: a\n  password: ${secret}`,
  `mqtt:\n  pasword: ${secret}`,
  `password: ${secret}`,
  `${secret}`,
])('a secret in a spoilt file is not repeated: %j', (text) => {
  expect(JSON.stringify(problemsOfFile(text))).not.toContain(secret)
})

test('any text in any variable is taken or refused with reasons, without a secret', () => {
  const text = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 40 }),
    fc.stringMatching(/^[a-z]{0,6}:\/\/[^\n]{0,20}$/),
    fc.integer().map(String),
    fc.constantFrom('embedded', '/', '.', '\0', '__proto__', '1,2', 'true', '[::1]:0', '/dev/null'),
  )
  const env = fc.dictionary(
    fc.constantFrom(...variables, 'TZ', 'STATE_DIRECTORY', 'BLINK_MANIFESTD_CONFIG'),
    text,
  )
  const marked = fc.tuple(env, text).map(([rest, odd]) => ({
    ...rest,
    MQTT_PASSWORD: `${odd}${secret}`,
    BLINK_TOKENS: `${secret}${odd}`,
  }))

  fc.assert(
    fc.property(marked, (given) => {
      expect(everythingSaid({ env: given, cwd: nowhere })).not.toContain(secret)
    }),
    { numRuns: 60 },
  )
})

test('any text for any option is either taken or refused with reasons', () => {
  const names = settingOptions.map(({ setting }) => setting)
  const overrides = fc.array(fc.tuple(fc.constantFrom(...names), fc.string({ unit: anyCharacter })), {
    maxLength: 5,
  })

  fc.assert(
    fc.property(overrides, (given) => {
      expect(everythingSaid({ env: {}, cwd: nowhere, overrides: new Map(given) })).not.toBe('')
    }),
    { numRuns: 60 },
  )
})

test('any value for any key of a file is taken or refused, without a secret', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constant(secret),
    fc.string({ unit: anyCharacter }),
  )
  const keys = described.map(({ name }) => name.split('.'))
  const content = fc.tuple(fc.constantFrom(...keys), value).map(([[section = '', key], given]) => ({
    mqtt: { password: secret },
    [section]: key === undefined ? given : { [key]: given, password: secret },
  }))

  fc.assert(
    fc.property(content, (given) => {
      const { given: read, problems } = readYamlSettings(stringify(given), 'local.yaml')

      expect(read.size + problems.length).toBeGreaterThan(0)
      expect(JSON.stringify(problems)).not.toContain(secret)
    }),
    { numRuns: 100 },
  )
})

test('any text as a file is either taken or refused with reasons', () => {
  const piece = fc.constantFrom(
    'mqtt:',
    'url:',
    '\n',
    '  ',
    '- ',
    '&a',
    '*a',
    '"',
    "'",
    '{',
    '}',
    '[',
    '|',
    '?',
    '#',
    secret,
  )
  const text = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join('')),
  )

  fc.assert(
    fc.property(text, (given) => {
      const { problems } = readYamlSettings(given, 'local.yaml')

      for (const { place } of problems) expect(place).toContain('local.yaml')
    }),
    { numRuns: 100 },
  )
})
