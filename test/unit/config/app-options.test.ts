/** The options of the Home Assistant app as a source of settings. */
import { expect, test } from 'vitest'
import { showConfig } from '../../../src/config/load.ts'
import { directoryWith, load, originOf, problemsOf } from '../../support/place.ts'
import { writeOptions } from '../../support/supervisor.ts'

const withOptions = (options: unknown, env: Readonly<Record<string, string>> = {}) => {
  const cwd = directoryWith()
  return { cwd, env: { BLINK_MANIFESTD_APP_OPTIONS: writeOptions(cwd, options), ...env } }
}

test('an option is a setting, and its origin is shown', () => {
  const options = {
    schedule_cron: '*/10 * * * *',
    clips_enabled: true,
    clips_keep_days: 14,
    modules_include: ['44107', '44108/9007199254740993'],
    log_level: 'debug',
  }

  const loaded = load(withOptions(options))

  expect(loaded.settings).toMatchObject({
    schedule: { cron: '*/10 * * * *' },
    clips: { enabled: true, keepDays: 14 },
    modules: { include: ['44107', '44108/9007199254740993'] },
    log: { level: 'debug' },
  })
  expect(originOf(loaded, 'clips.keepDays')).toEqual({
    name: 'clips.keepDays',
    value: 14,
    origin: 'app option clips_keep_days',
  })
  expect(showConfig(loaded, 'yaml')).toContain('# app option schedule_cron')
})

test('the environment goes above options, and options above the settings file', () => {
  const { cwd, env } = withOptions({ log_level: 'warn', mqtt_base_topic: 'from-options' })
  const file = directoryWith({
    'my.yaml': 'log:\n  level: debug\nmqtt:\n  baseTopic: from-file\n  clientId: c\n',
  })

  const { settings } = load({
    cwd,
    env: { ...env, LOG_LEVEL: 'error' },
    configPath: `${file}/my.yaml`,
  })

  expect(settings.log.level).toBe('error')
  expect(settings.mqtt).toMatchObject({ baseTopic: 'from-options', clientId: 'c' })
})

test('an option that is empty or null is not set', () => {
  const { shown } = load(withOptions({ mqtt_url: null, mqtt_username: '' }))

  expect(new Set(shown.map(({ origin }) => origin))).toEqual(new Set(['default']))
})

test('a password of the options is masked wherever settings are shown', () => {
  const loaded = load(withOptions({ mqtt_username: 'me', mqtt_password: 'hunter2-hunter2' }))

  expect(loaded.settings.mqtt.password?.reveal()).toBe('hunter2-hunter2')
  expect(JSON.stringify(loaded) + showConfig(loaded, 'yaml') + showConfig(loaded, 'json')).not.toContain(
    'hunter2',
  )
})

const wrong: [string, unknown, string, string][] = [
  [
    'a value that does not fit',
    { clips_keep_days: 'soon' },
    'clips.keepDays (app option clips_keep_days)',
    'must be a whole number from 0 to 36500, not "soon"',
  ],
  [
    'a map in place of a value',
    { mqtt_url: { host: 'x' } },
    'mqtt.url (app option mqtt_url)',
    'must be one value or a list',
  ],
  [
    'a number as it is written, not as it is read',
    { clips_max_per_run: 1e21 },
    'clips.maxPerRun (app option clips_max_per_run)',
    'must be a whole number from 1 to 1000, not "1e+21"',
  ],
]

test.for(wrong)('%s is refused with the name of the option', ([, options, place, message]) => {
  expect(problemsOf(withOptions(options))).toEqual([{ place, message }])
})

test('an unknown option is refused with the nearest known one', () => {
  const { cwd, env } = withOptions({ mqtt_urll: 'x', 'hunter2 hunter2': 1 })

  expect(problemsOf({ cwd, env })).toEqual([
    {
      place: `app options ${env.BLINK_MANIFESTD_APP_OPTIONS}`,
      message: 'mqtt_urll is not an option; did you mean mqtt_url?',
    },
    { place: `app options ${env.BLINK_MANIFESTD_APP_OPTIONS}`, message: 'a name there is not an option' },
  ])
})

test.for([
  [
    'no JSON',
    '{"log_level":',
    'must be a JSON object; look at the Configuration tab of the app, and save it again',
  ],
  ['no object', '[1]', 'must be a JSON object; look at the Configuration tab of the app, and save it again'],
  ['no text', Uint8Array.of(0xc3, 0x28), 'cannot be read: it is neither UTF-8 nor UTF-16 text'],
  ['too long', `"${'x'.repeat(1_048_576)}"`, 'cannot be read: it is larger than 1 MiB'],
] as const)('a file of options that is %s is one problem', ([, text, message]) => {
  const cwd = directoryWith({ 'options.json': text })
  const env = { BLINK_MANIFESTD_APP_OPTIONS: 'options.json' }

  expect(problemsOf({ cwd, env })).toEqual([{ place: 'app options options.json', message }])
})

test('without the file that the app names, nothing starts', () => {
  const env = { BLINK_MANIFESTD_APP_OPTIONS: '/nonexistent/options.json' }

  expect(problemsOf({ env })).toEqual([
    { place: 'app options /nonexistent/options.json', message: 'cannot be read: there is no such file' },
  ])
})
