import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { settingOptions, showConfig } from '../../../src/config/load.ts'
import { settings as described } from '../../../src/config/schema.ts'
import { directoryWith, load, nowhere, originOf, pem, problemsOf } from '../../support/place.ts'

test('with nothing given, every setting has its default', () => {
  const { settings, shown, file, warnings } = load()

  expect(settings).toMatchObject({
    dataDir: join(nowhere, 'data'),
    blink: {
      tokens: undefined,
      oauthUrl: 'https://api.oauth.blink.com',
      restUrl: 'https://rest-{region}.immedia-semi.com',
      timeoutSeconds: 20,
      concurrency: 8,
      perAccount: 1,
      dailyBudget: 0,
    },
    schedule: { cron: '*/5 * * * *', timezone: 'UTC', spreadSeconds: 30, onStart: true, allowFast: false },
    modules: { include: [], exclude: [], askAll: false },
    request: { ttlSeconds: 600 },
    mqtt: {
      url: 'mqtt://127.0.0.1:1883',
      listen: { host: '127.0.0.1', port: 1883, text: '127.0.0.1:1883' },
      username: undefined,
      password: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
      clientId: undefined,
      baseTopic: 'blink-manifestd',
      topics: 'all',
    },
    homeAssistant: { enabled: true, prefix: 'homeassistant', statusTopic: 'homeassistant/status' },
    log: { level: 'info', format: 'auto' },
  })
  expect(new Set(shown.map(({ origin }) => origin))).toEqual(new Set(['default']))
  expect({ file, warnings }).toEqual({ file: undefined, warnings: [] })
})

test('the command line wins over the environment, that over the file, then defaults', () => {
  const cwd = directoryWith({ 'config/local.yaml': 'log:\n  level: debug\n' })
  const env = { LOG_LEVEL: 'warn' }
  const overrides = new Map([['log.level', 'error']])

  expect(originOf(load({ cwd: nowhere }), 'log.level')).toMatchObject({ value: 'info', origin: 'default' })
  expect(originOf(load({ cwd }), 'log.level')).toMatchObject({
    value: 'debug',
    origin: 'file config/local.yaml, line 2',
  })
  expect(originOf(load({ cwd, env }), 'log.level')).toMatchObject({
    value: 'warn',
    origin: 'environment LOG_LEVEL',
  })
  expect(originOf(load({ cwd, env, overrides }), 'log.level')).toMatchObject({
    value: 'error',
    origin: 'command line --log-level',
  })
})

test('what a stronger source replaces need not be right', () => {
  const { settings } = load({ env: { LOG_LEVEL: 'loud' }, overrides: new Map([['log.level', 'error']]) })

  expect(settings.log.level).toBe('error')
})

test("neither the program's own arguments nor its own environment is read", () => {
  vi.stubEnv('LOG_LEVEL', 'debug')
  const argv = vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'main', '--log.level=debug'])

  const { settings } = load()
  argv.mockRestore()
  vi.unstubAllEnvs()

  expect(settings.log.level).toBe('info')
})

test('all problems are reported at once, each with its place', () => {
  const text = 'mqtt:\n  ulr: mqtt://broker\n  baseTopic: a/#\nschedule:\n  cron: "* *"\n'
  const cwd = directoryWith({ 'config/local.yaml': text })

  const problems = problemsOf({
    cwd,
    env: { MQTT_URL: 'http://broker' },
    overrides: new Map([['log.level', 'loud']]),
  })

  expect(problems.map(({ place }) => place).sort()).toEqual([
    'log.level (command line --log-level)',
    'mqtt.baseTopic (file config/local.yaml, line 3)',
    'mqtt.ulr (file config/local.yaml, line 2)',
    'mqtt.url (environment MQTT_URL)',
    'schedule.cron (file config/local.yaml, line 5)',
  ])
})

test('the settings cannot be changed, nor what shows them', () => {
  const { settings, shown } = load({ env: { MODULES_INCLUDE: '1' } })

  for (const part of [settings, settings.mqtt, settings.mqtt.listen, settings.modules.include, shown]) {
    expect(Object.isFrozen(part)).toBe(true)
  }
})

test('one loading leaves nothing behind for the next', () => {
  load({ env: { MODULES_INCLUDE: '1', LOG_LEVEL: 'debug' } })

  expect(load().settings).toMatchObject({ modules: { include: [] }, log: { level: 'info' } })
})

test('paths start at the working directory', () => {
  const cwd = directoryWith({ 'ca.pem': pem })
  const { settings } = load({
    cwd,
    env: { MQTT_CA: 'ca.pem', MQTT_URL: 'mqtts://b', BLINK_MANIFESTD_DATA_DIR: 'd' },
  })

  expect([settings.mqtt.ca, settings.dataDir]).toEqual([join(cwd, 'ca.pem'), join(cwd, 'd')])
})

test('every setting but the secrets has an option whose text is taken', () => {
  const flags = settingOptions.map(({ setting, flag, boolean }) => [setting, flag, boolean])

  expect(flags).toContainEqual(['dataDir', '--data-dir', false])
  expect(flags).toContainEqual(['schedule.allowFast', '--schedule-allow-fast', true])
  expect(flags).toContainEqual(['homeAssistant.statusTopic', '--home-assistant-status-topic', false])
  expect(flags).toContainEqual(['mqtt.passwordFile', '--mqtt-password-file', false])
  const names = settingOptions.map(({ setting }) => setting)
  const secrets = described.flatMap(({ name }) => (names.includes(name) ? [] : [name]))
  expect(secrets).toEqual(['blink.tokens', 'mqtt.password', 'web.password', 'store.url', 'store.key'])
  expect(
    load({ overrides: new Map([['modules.include', '']]), env: { MODULES_INCLUDE: '1' } }).settings.modules,
  ).toMatchObject({ include: [] })
})

test('an option that is no setting, or a secret, is refused', () => {
  const overrides = new Map([
    ['mqtt.password', 'hunter2'],
    ['mqtt.ulr', 'mqtt://b'],
  ])

  expect(problemsOf({ overrides })).toEqual([
    {
      place: 'mqtt.password (command line --mqtt-password)',
      message: 'never stands on the command line; use --mqtt-password-file',
    },
    { place: 'mqtt.ulr (command line)', message: 'is not a setting; did you mean mqtt.url?' },
  ])
})

test('the settings are shown as YAML with the origin of each', () => {
  const env = {
    MQTT_USERNAME: 'me',
    MQTT_PASSWORD: 'hunter2',
    MODULES_INCLUDE: '1, 2/3',
    SCHEDULE_CRON: '0 * * * *',
  }
  const shown = showConfig(load({ env }), 'yaml')

  expect(shown.split('\n')).toEqual(
    expect.arrayContaining([
      `dataDir: ${nowhere}/data # default`,
      'mqtt:',
      '  username: me # environment MQTT_USERNAME',
      '  password: "[secret]" # environment MQTT_PASSWORD',
      '  ca: null # default',
      '  cron: 0 * * * * # environment SCHEDULE_CRON',
      '  include: ["1", 2/3] # environment MODULES_INCLUDE',
      '  exclude: [] # default',
      '  listen: 127.0.0.1:1883 # default',
    ]),
  )
})

test('the settings are shown as JSON with the origins beside them', () => {
  const shown: unknown = JSON.parse(
    showConfig(load({ env: { MQTT_USERNAME: 'me', MQTT_PASSWORD: 'x' } }), 'json'),
  )

  expect(shown).toMatchObject({
    settings: { mqtt: { username: 'me', password: '[secret]', ca: null, listen: '127.0.0.1:1883' } },
    origins: { 'mqtt.username': 'environment MQTT_USERNAME', 'log.level': 'default' },
  })
})
