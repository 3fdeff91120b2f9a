import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directoryWith, load, originOf, pem, problemsOf } from '../../support/place.ts'

const withUrl = (rest: Record<string, string>) => ({ MQTT_URL: 'mqtts://broker', ...rest })
const torn: [string, Record<string, string>, string, string][] = [
  [
    'one account may not have more requests in flight than all together',
    { BLINK_CONCURRENCY: '2', BLINK_PER_ACCOUNT: '3' },
    'blink.perAccount (environment BLINK_PER_ACCOUNT)',
    'must be at most blink.concurrency, which is 2',
  ],
  [
    'a password without a user is a mistake',
    { MQTT_PASSWORD: 'x' },
    'mqtt.password (environment MQTT_PASSWORD)',
    'needs mqtt.username with it',
  ],
  [
    'the built-in broker is open to the network with a password only',
    { MQTT_URL: 'embedded', MQTT_LISTEN: '0.0.0.0:1883' },
    'mqtt.listen (environment MQTT_LISTEN)',
    'would let anyone in this network into the built-in broker: set mqtt.username and mqtt.password, or listen on 127.0.0.1',
  ],
  [
    'the page is open to the network with a password only',
    { WEB_LISTEN: '0.0.0.0:8090' },
    'web.listen (environment WEB_LISTEN)',
    'would open the page to anyone in this network: set web.password or web.passwordFile, or listen on 127.0.0.1',
  ],
  [
    'a certificate needs its key',
    withUrl({ MQTT_CERT: 'some.pem' }),
    'mqtt.cert (environment MQTT_CERT)',
    'needs mqtt.key with it',
  ],
  [
    'a key needs its certificate',
    withUrl({ MQTT_KEY: 'some.pem' }),
    'mqtt.key (environment MQTT_KEY)',
    'needs mqtt.cert with it',
  ],
  [
    'an authority is of no use without encryption',
    { MQTT_CA: 'some.pem' },
    'mqtt.ca (environment MQTT_CA)',
    'is of use only when mqtt.url starts with mqtts:// or wss://',
  ],
  [
    'an authority is of no use with the built-in broker',
    { MQTT_CA: 'some.pem', MQTT_URL: 'embedded' },
    'mqtt.ca (environment MQTT_CA)',
    'is of use only when mqtt.url starts with mqtts:// or wss://',
  ],
  [
    "our topics are not Home Assistant's",
    { MQTT_BASE_TOPIC: 'homeassistant' },
    'mqtt.baseTopic (environment MQTT_BASE_TOPIC)',
    'must not be homeAssistant.prefix, which is homeassistant, or below it',
  ],
  [
    "our topics are not below Home Assistant's, even when only those were set",
    { HOME_ASSISTANT_PREFIX: 'blink-manifestd' },
    'mqtt.baseTopic (default)',
    'must not be homeAssistant.prefix, which is blink-manifestd, or below it',
  ],
]

test.for(torn)('%s', ([, env, place, message]) => {
  const cwd = directoryWith({ 'some.pem': pem })

  expect(problemsOf({ cwd, env })).toEqual([{ place, message }])
})

test('a topic that only begins like the prefix of Home Assistant is taken', () => {
  expect(load({ env: { MQTT_BASE_TOPIC: 'homeassistant2' } }).settings.mqtt.baseTopic).toBe('homeassistant2')
})

test('a certificate with its key is taken on an encrypted way', () => {
  const cwd = directoryWith({ 'c.pem': pem, 'k.pem': pem })
  const env = { MQTT_CERT: 'c.pem', MQTT_KEY: 'k.pem', MQTT_URL: 'wss://broker/mqtt' }

  expect(load({ cwd, env }).settings.mqtt).toMatchObject({
    cert: join(cwd, 'c.pem'),
    key: join(cwd, 'k.pem'),
  })
})

test('a PEM file that is away, a directory or no text are three problems', () => {
  const cwd = directoryWith({ 'der/ca.der': Buffer.from([0x30, 0x82]) })
  const message = (path: string) =>
    problemsOf({ cwd, env: { MQTT_URL: 'mqtts://b', MQTT_CA: path } }).map((problem) => problem.message)

  expect(message('none.pem')).toEqual([`cannot read ${join(cwd, 'none.pem')}: there is no such file`])
  expect(message('der')).toEqual([`cannot read ${join(cwd, 'der')}: it is a directory, not a file`])
  expect(message('der/ca.der')).toEqual([
    `cannot read ${join(cwd, 'der/ca.der')}: it is neither UTF-8 nor UTF-16 text`,
  ])
})

test('a cron expression is judged together with the permission to be fast', () => {
  const env = { SCHEDULE_CRON: '* * * * * *' }

  expect(problemsOf({ env })).toEqual([
    {
      place: 'schedule.cron (environment SCHEDULE_CRON)',
      message: expect.stringContaining('fires less than 60 s apart'),
    },
  ])
  const fast = load({ env: { ...env, SCHEDULE_ALLOW_FAST: 'yes' } })
  expect(fast.settings.schedule.cron).toBe('* * * * * *')
})

test('token lines are checked, and each problem is reported with their origin', () => {
  const cwd = directoryWith({ tokens: 'a=b' })
  const checkTokens = (text: string) => (text === 'a=b' ? ['line 1: one', 'line 1: other'] : [])
  const problemsAt = (place: string) =>
    ['line 1: one', 'line 1: other'].map((message) => ({ place: `blink.tokens (${place})`, message }))

  expect(problemsOf({ env: { BLINK_TOKENS: 'a=b' }, checkTokens })).toEqual(
    problemsAt('environment BLINK_TOKENS'),
  )
  expect(problemsOf({ cwd, env: { BLINK_TOKENS_FILE: 'tokens' }, checkTokens })).toEqual(
    problemsAt('environment BLINK_TOKENS_FILE'),
  )
  expect(load({ env: { BLINK_TOKENS: 'c=d' }, checkTokens }).settings.blink.tokens?.reveal()).toBe('c=d')
})

test('token lines that are not there, or no text, are not judged', () => {
  const checkTokens = () => ['judged']

  expect(load({ checkTokens }).settings.blink.tokens).toBeUndefined()
  expect(problemsOf({ env: { BLINK_TOKENS: '\ud800' }, checkTokens })).toMatchObject([
    { message: 'must be text in valid Unicode' },
  ])
})

test('PEM files that can be read are checked together, and no fault is reported twice', () => {
  const cwd = directoryWith({ 'cert.pem': 'certificate', 'key.pem': 'key' })
  const env = { MQTT_CA: 'none.pem', MQTT_CERT: 'cert.pem', MQTT_KEY: 'key.pem' }
  const checkTls = (texts: object) => ({ ca: 'is no text', key: `was judged in ${JSON.stringify(texts)}` })

  expect(problemsOf({ cwd, env: { ...env, MQTT_URL: 'mqtts://b' }, checkTls })).toEqual([
    {
      place: 'mqtt.ca (environment MQTT_CA)',
      message: `cannot read ${join(cwd, 'none.pem')}: there is no such file`,
    },
    {
      place: 'mqtt.key (environment MQTT_KEY)',
      message: `${join(cwd, 'key.pem')} was judged in {"cert":"certificate","key":"key"}`,
    },
  ])
  expect(problemsOf({ cwd, env, checkTls }).map(({ place }) => place)).toEqual([
    'mqtt.ca (environment MQTT_CA)',
    'mqtt.cert (environment MQTT_CERT)',
    'mqtt.key (environment MQTT_KEY)',
  ])
})

test('beside a settings file that cannot be read, other problems are reported too', () => {
  const cwd = directoryWith({ 'config/local.yaml': 'mqtt: [', 'ca.pem': pem })
  const env = { BLINK_TOKENS: 'x', MQTT_CA: 'ca.pem', MQTT_CERT: 'none.pem', MQTT_PASSWORD: 'x' }

  // Whether there is a user, a key or an encrypted way is said in the file.
  const places = problemsOf({ cwd, env, checkTokens: () => ['judged'] }).map(({ place }) => place)
  expect(places).toEqual([
    expect.stringContaining('config/local.yaml'),
    'blink.tokens (environment BLINK_TOKENS)',
    'mqtt.cert (environment MQTT_CERT)',
  ])
})

test('a cron expression is not judged while it is not known whether it may be fast', () => {
  const problems = problemsOf({ env: { SCHEDULE_CRON: '* * * * * *', SCHEDULE_ALLOW_FAST: 'perhaps' } })

  expect(problems.map(({ place }) => place)).toEqual(['schedule.allowFast (environment SCHEDULE_ALLOW_FAST)'])
})

test('publishing work items only switches Home Assistant off, and says so', () => {
  const env = { MQTT_TOPICS: 'work_items', HOME_ASSISTANT_ENABLED: 'true' }
  const loaded = load({ env })

  expect(loaded.settings.homeAssistant.enabled).toBe(false)
  expect(originOf(loaded, 'homeAssistant.enabled')).toMatchObject({
    value: false,
    origin: 'mqtt.topics is work_items',
  })
  expect(loaded.warnings).toEqual([
    'homeAssistant.enabled (environment HOME_ASSISTANT_ENABLED) has no effect: mqtt.topics is work_items, which switches it off',
  ])
  expect(load({ env: { MQTT_TOPICS: 'work_items' } }).warnings).toEqual([])
})

test('modules that are both included and excluded cost a warning', () => {
  const { warnings } = load({ env: { MODULES_INCLUDE: '1,2/3,4', MODULES_EXCLUDE: '1,2,4/5' } })

  expect(warnings).toEqual([
    'modules.include names 1, but modules.exclude rules it out, and exclude wins',
    'modules.include names 2/3, but modules.exclude rules it out, and exclude wins',
  ])
})

test('plain http costs a warning, except to this machine', () => {
  const open = load({
    env: { BLINK_REST_URL: 'http://{region}.example.org', BLINK_OAUTH_URL: 'http://example.org' },
  })
  expect(open.warnings).toEqual([
    'blink.oauthUrl (environment BLINK_OAUTH_URL) is plain http: tokens can be read on the way',
    'blink.restUrl (environment BLINK_REST_URL) is plain http: tokens can be read on the way',
  ])

  for (const url of ['http://localhost:8080', 'http://127.0.0.2', 'http://[::1]:80', 'https://example.org']) {
    expect(load({ env: { BLINK_REST_URL: url } }).warnings).toEqual([])
  }
})

test.each([
  '127.0.0.1:0',
  'localhost:1883',
  '[::1]:1883',
])('the built-in broker needs no password on %s', (listen) => {
  expect(load({ env: { MQTT_URL: 'embedded', MQTT_LISTEN: listen } }).settings.mqtt.listen.text).toBe(listen)
})

test.each(['127.0.0.1:8090', 'localhost:0', '[::1]:8090'])('the page needs no password on %s', (listen) => {
  expect(load({ env: { WEB_LISTEN: listen } }).settings.web.listen?.text).toBe(listen)
})

test('the page elsewhere needs its password, and ingress none', () => {
  const env = { WEB_LISTEN: '192.168.1.5:80', WEB_PASSWORD: 'x', WEB_INGRESS: '0.0.0.0:8099' }

  expect(load({ env }).settings.web.ingress).toEqual({ host: '0.0.0.0', port: 8099, text: '0.0.0.0:8099' })
})

test('a reverse proxy before a page without password costs a warning', () => {
  const env = { WEB_LISTEN: '127.0.0.1:8090', WEB_ORIGINS: 'https://blink.example' }

  expect(load({ env }).warnings).toEqual([
    'web.origins (environment WEB_ORIGINS) without web.password: whoever reaches the page there needs no password',
  ])
  expect(load({ env: { ...env, WEB_PASSWORD: 'x' } }).warnings).toEqual([])
})
