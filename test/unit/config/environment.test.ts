import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directoryWith, load, loadFile, problemsOf } from '../../support/place.ts'

test('an empty variable is one that is not set', () => {
  const { shown } = load({ env: { MQTT_URL: '', TZ: '', STATE_DIRECTORY: '', MQTT_PASSWORD_FILE: '' } })

  expect(shown.every(({ origin }) => origin === 'default')).toBe(true)
})

test("systemd's directory stands in for a data directory that is given nowhere", () => {
  const env = { STATE_DIRECTORY: '/var/lib/blink:/var/lib/other' }
  const cwd = directoryWith({ 'config/local.yaml': 'dataDir: here' })
  const found = (loaded: ReturnType<typeof load>) => [loaded.settings.dataDir, loaded.shown[0]?.origin]

  expect(found(load({ env }))).toEqual(['/var/lib/blink', 'environment STATE_DIRECTORY'])
  expect(found(load({ env, cwd }))).toEqual([join(cwd, 'here'), 'file config/local.yaml, line 1'])
  expect(found(load({ env: { ...env, BLINK_MANIFESTD_DATA_DIR: '/d' } }))).toEqual([
    '/d',
    'environment BLINK_MANIFESTD_DATA_DIR',
  ])
})

test('TZ stands in for a time zone that is given nowhere', () => {
  const zone = (env: Record<string, string>) => load({ env }).settings.schedule.timezone

  expect(zone({ TZ: 'Europe/Berlin' })).toBe('Europe/Berlin')
  expect(zone({ TZ: ':Europe/Berlin' })).toBe('Europe/Berlin')
  expect(zone({ TZ: 'Europe/Berlin', SCHEDULE_TIMEZONE: 'Asia/Tokyo' })).toBe('Asia/Tokyo')
})

test('a TZ in another form costs a warning, and only when it would have counted', () => {
  const { settings, warnings } = load({ env: { TZ: 'CET-1CEST' } })

  expect(settings.schedule.timezone).toBe('UTC')
  expect(warnings).toEqual(['TZ is not an IANA time zone ("CET-1CEST"), so schedule.timezone is its default'])
  expect(load({ env: { TZ: 'CET-1CEST', SCHEDULE_TIMEZONE: 'UTC' } }).warnings).toEqual([])
})

test.for([
  ['BLINK_MANIFESTD_DIR', 'BLINK_MANIFESTD_DATA_DIR'],
  ['BLINK_MANIFESTD_CONFIGS', 'BLINK_MANIFESTD_CONFIG'],
  ['MQTT_ULR', 'MQTT_URL'],
  ['MQTT_PASWORD', 'MQTT_PASSWORD'],
  ['MQTT_BASETOPIC', 'MQTT_BASE_TOPIC'],
  ['HOME_ASSISTANT_ENABLE', 'HOME_ASSISTANT_ENABLED'],
  ['BLINK_TOKEN', 'BLINK_TOKENS'],
] as const)('the variable %s is probably meant to be %s', ([name, meant]) => {
  const { warnings } = load({ env: { [name]: 'hunter2' } })

  expect(warnings).toEqual([`the environment variable ${name} is not a setting; did you mean ${meant}?`])
})

test.for([
  'MQTT_PORT',
  'MQTT_HOST',
  'BLINK_EMAIL',
  'PATH',
  'XQTT_URL',
  'LOGLEVEL',
  'BLINK_MANIFESTD_CONFIG',
])("the variable %s may be somebody else's", (name) => {
  const cwd = directoryWith({ x: '' })

  expect(load({ cwd, env: { [name]: 'x' } }).warnings).toEqual([])
})

test('a secret may stand in a file, without the newlines at its end', () => {
  const cwd = directoryWith({ unix: 'one\n', windows: 'two\r\n', bare: 'three', odd: ' four\n\n' })
  const password = (path: string) =>
    load({ cwd, env: { MQTT_USERNAME: 'me', MQTT_PASSWORD_FILE: path } }).settings.mqtt.password?.reveal()

  expect(['unix', 'windows', 'bare', 'odd'].map(password)).toEqual(['one', 'two', 'three', ' four'])
})

test("a secret's file may be named in every source, and the strongest one counts", () => {
  const files = {
    'config/local.yaml': 'blink: {tokensFile: file}',
    file: 'a=file',
    env: 'a=env',
    line: 'a=line',
  }
  const cwd = directoryWith(files)
  const env = { BLINK_TOKENS_FILE: 'env' }
  const overrides = new Map([['blink.tokensFile', 'line']])
  const found = (loaded: ReturnType<typeof load>) => [
    loaded.settings.blink.tokens?.reveal(),
    loaded.shown.find(({ name }) => name === 'blink.tokens')?.origin,
  ]

  expect(found(load({ cwd }))).toEqual(['a=file', 'file config/local.yaml, line 1'])
  expect(found(load({ cwd, env }))).toEqual(['a=env', 'environment BLINK_TOKENS_FILE'])
  expect(found(load({ cwd, env: { BLINK_TOKENS: 'a=text' } }))).toEqual([
    'a=text',
    'environment BLINK_TOKENS',
  ])
  expect(found(load({ cwd, env, overrides }))).toEqual(['a=line', 'command line --blink-tokens-file'])
})

test('a secret that is given as text and as a file is refused', () => {
  const env = { MQTT_USERNAME: 'me', MQTT_PASSWORD: 'hunter2', MQTT_PASSWORD_FILE: '/somewhere' }

  expect(problemsOf({ env })).toEqual([
    {
      place: 'mqtt.password (environment MQTT_PASSWORD)',
      message: 'is given twice: also by environment MQTT_PASSWORD_FILE',
    },
  ])
})

test("a secret's file that is away or empty is reported with its variable and path", () => {
  const cwd = directoryWith({ empty: '\n' })
  const problems = (path: string) =>
    problemsOf({ cwd, env: { MQTT_USERNAME: 'me', MQTT_PASSWORD_FILE: path } })
  const place = 'mqtt.passwordFile (environment MQTT_PASSWORD_FILE)'

  expect(problems('none')).toEqual([
    { place, message: `cannot read ${join(cwd, 'none')}: there is no such file` },
  ])
  expect(problems('empty')).toEqual([
    { place, message: `what ${join(cwd, 'empty')} holds must be text, but is empty` },
  ])
})

test('a secret in the settings file is taken as it is written', () => {
  const { settings } = loadFile('mqtt:\n  username: me\n  password: 0012\n')

  expect(settings.mqtt.password?.reveal()).toBe('0012')
})
