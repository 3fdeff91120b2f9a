import { expect, test } from 'vitest'
import { settings as described } from '../../../src/config/schema.ts'
import { load, problemsOf } from '../../support/place.ts'
import { table } from '../../support/texts.ts'

test('every setting is in this table, and nothing else', () => {
  expect(Object.keys(table)).toEqual(described.map(({ name }) => name))
})

const settings = described.map(({ name, env }) => ({
  name,
  env,
  ...(table[name] ?? { wrong: [], right: [] }),
}))
const wrong = settings.flatMap(({ name, env, wrong: texts }) =>
  // An empty variable is one that is not set.
  texts
    .filter((text) => text !== '')
    .map((text) => ({ name, env, text, given: JSON.stringify(text.slice(0, 40)) })),
)

test.for(wrong)('$name is not $given', ({ name, env, text }) => {
  const problems = problemsOf({ env: { [env]: text } })

  expect(problems.map(({ place }) => place)).toEqual([`${name} (environment ${env})`])
})

const right = settings.flatMap(({ name, env, right: pairs }) =>
  pairs.map(([text, value]) => ({ name, env, text, value })),
)

test.for(right)('$name may be $text', ({ name, env, text, value }) => {
  const { shown } = load({ env: { [env]: text } })

  expect(shown.find((setting) => setting.name === name)).toEqual({
    name,
    value,
    origin: `environment ${env}`,
  })
})

test('an empty text on the command line is refused, except for a list', () => {
  const overridable = settings.filter(
    ({ name }) => !['blink.tokens', 'mqtt.password', 'web.password'].includes(name),
  )
  const overrides = new Map(overridable.map(({ name }) => [name, '']))

  const refused = problemsOf({ overrides }).map(({ place }) => place.replace(/ .*/, ''))
  expect(refused.sort()).toEqual(
    overridable
      .map(({ name }) => name)
      // A secret's problem is reported under the file's name.
      .filter((name) => !['modules.include', 'modules.exclude', 'web.origins'].includes(name))
      .sort(),
  )
})

test('a message says what is allowed and what was given', () => {
  const message = (env: Record<string, string>) => problemsOf({ env })[0]?.message

  expect(message({ BLINK_TIMEOUT_SECONDS: '5abc' })).toBe('must be a whole number from 1 to 300, not "5abc"')
  expect(message({ SCHEDULE_ON_START: 'ja' })).toBe(
    'must be true or false (or yes, no, on, off, 1, 0), not "ja"',
  )
  expect(message({ LOG_FORMAT: 'xml' })).toBe('must be one of auto, json, pretty, not "xml"')
  expect(message({ MODULES_EXCLUDE: '1,x' })).toBe(
    'each entry must be network_id or network_id/sync_module_id, in digits without leading zeros, not "x"',
  )
  expect(message({ MQTT_BASE_TOPIC: 'a/#' })).toBe('must be an MQTT topic without + # $, not "a/#"')
  expect(message({ MQTT_LISTEN: 'a:70000' })).toBe('must have a port from 0 to 65535, not "a:70000"')
})

test('a message can neither fill a screen nor write on the terminal', () => {
  const [long] = problemsOf({ env: { LOG_LEVEL: 'x'.repeat(10_000) } })
  const [tricky] = problemsOf({ env: { LOG_LEVEL: '\u001b[31m\u009b\u202e\n' } })

  expect(long?.message.length).toBeLessThan(200)
  expect(tricky?.message).toContain('\\u001b[31m\\u009b\\u202e\\n')
})

test('host and port are taken apart, brackets off', () => {
  expect(load({ env: { MQTT_LISTEN: '[::1]:0' } }).settings.mqtt.listen).toEqual({
    host: '::1',
    port: 0,
    text: '[::1]:0',
  })
})

test('a scheme in capitals is what it is in small letters', () => {
  const { settings } = load({
    env: { MQTT_URL: 'MQTTS://Broker.lan:8883', BLINK_OAUTH_URL: 'HTTPS://example.org/' },
  })

  expect(settings.mqtt.url).toBe('mqtts://Broker.lan:8883')
  expect(settings.blink.oauthUrl).toBe('https://example.org')
  expect(load({ env: { MQTT_URL: 'Embedded' } }).settings.mqtt.url).toBe('embedded')
})
