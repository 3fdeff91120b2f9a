/** The broker that Home Assistant's Supervisor knows, as a source of settings. */
import { expect, onTestFinished, test } from 'vitest'
import { askForMqttService } from '../../../src/config/supervisor.ts'
import { type Clock, systemClock } from '../../../src/domain/clock.ts'
import { directoryWith, load, originOf, problemsOf } from '../../support/place.ts'
import {
  brokerIs,
  json,
  noBroker,
  type Reply,
  startSupervisor,
  supervisorToken,
  writeOptions,
} from '../../support/supervisor.ts'

/** Patience costs nothing here. */
const hurried: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
  after: (ms, work) => systemClock.after(ms / 100, work),
}

const mosquitto = { host: 'core-mosquitto', port: 1883, username: 'addons', password: 'hunter2-hunter2' }

interface Given {
  readonly env?: Readonly<Record<string, string>>
  readonly options?: unknown
  readonly overrides?: ReadonlyMap<string, string>
  readonly clock?: Clock
}

async function ask({
  env = {},
  options = {},
  overrides = new Map<string, string>(),
  clock = systemClock,
}: Given) {
  const cwd = directoryWith()
  const all = { BLINK_MANIFESTD_APP_OPTIONS: writeOptions(cwd, options), ...env }
  const { signal } = new AbortController()
  const mqttService = await askForMqttService({ env: all, cwd, overrides, clock, signal })
  return { env: all, cwd, overrides, mqttService }
}

test("the Supervisor's broker is used, with its password, and the origin says so", async () => {
  const { env } = await startSupervisor(brokerIs(mosquitto))

  const loaded = load(await ask({ env }))

  expect(loaded.settings.mqtt).toMatchObject({ url: 'mqtt://core-mosquitto:1883', username: 'addons' })
  expect(loaded.settings.mqtt.password?.reveal()).toBe('hunter2-hunter2')
  expect(originOf(loaded, 'mqtt.url')?.origin).toBe("Supervisor's MQTT service")
  expect(originOf(loaded, 'mqtt.password')).toMatchObject({
    value: '[secret]',
    origin: "Supervisor's MQTT service",
  })
})

test.for([
  ['with TLS', { ...mosquitto, ssl: true, port: 8883 }, 'mqtts://core-mosquitto:8883'],
  ['at an IPv6 address', { ...mosquitto, host: 'fd0c:ac1e:2100::7' }, 'mqtt://[fd0c:ac1e:2100::7]:1883'],
] as const)('a broker %s is addressed as such', async ([, service, url]) => {
  const { env } = await startSupervisor(brokerIs(service))

  expect(load(await ask({ env })).settings.mqtt.url).toBe(url)
})

test('a broker without a password gets none', async () => {
  const { env } = await startSupervisor(brokerIs({ host: 'open', port: 1883, username: '', password: '' }))

  expect(load(await ask({ env })).settings.mqtt).toMatchObject({ username: undefined, password: undefined })
})

test.for<[string, Given]>([
  ['option', { options: { mqtt_url: 'mqtt://mine' } }],
  ['variable', { env: { MQTT_URL: 'mqtt://mine' } }],
  ['flag', { overrides: new Map([['mqtt.url', 'mqtt://mine']]) }],
])('with a broker named by %s the Supervisor is not asked', async ([, given]) => {
  const supervisor = await startSupervisor(brokerIs(mosquitto))

  const { settings } = load(await ask({ ...given, env: { ...supervisor.env, ...given.env } }))

  expect(settings.mqtt).toMatchObject({ url: 'mqtt://mine', username: undefined, password: undefined })
  expect(supervisor.requests).toEqual([])
})

test('a user name of the options is not given a password of the Supervisor', async () => {
  const { env } = await startSupervisor(brokerIs(mosquitto))

  const { settings } = load(await ask({ env, options: { mqtt_username: 'me' } }))

  expect(settings.mqtt).toMatchObject({
    url: 'mqtt://core-mosquitto:1883',
    username: 'me',
    password: undefined,
  })
})

test('without a broker the problem says what to install', async () => {
  const supervisor = await startSupervisor(noBroker)

  expect(problemsOf(await ask({ env: supervisor.env }))).toEqual([
    {
      place: "mqtt.url (Supervisor's MQTT service)",
      message:
        'there is no MQTT broker: install and start the app "Mosquitto broker", or set the option mqtt_url',
    },
  ])
  expect(supervisor.requests).toEqual(['GET /services/mqtt'])
})

test('a broker of the settings file is used when the Supervisor knows none, with a warning', async () => {
  const { env } = await startSupervisor(noBroker)
  const file = directoryWith({ 'my.yaml': 'mqtt:\n  url: mqtt://mine\n' })

  const { settings, warnings } = load({ ...(await ask({ env })), configPath: `${file}/my.yaml` })

  expect(settings.mqtt.url).toBe('mqtt://mine')
  expect(warnings).toEqual([
    expect.stringMatching(/^mqtt\.url \(Supervisor's MQTT service\): there is no MQTT broker/),
  ])
})

test('a Supervisor that is away for a moment is queried again', async () => {
  const supervisor = await startSupervisor(json(502, {}))
  const asked = ask({ env: supervisor.env, clock: { ...hurried, after: systemClock.after, sleep: mend } })
  async function mend() {
    supervisor.answer(brokerIs(mosquitto))
  }

  expect(load(await asked).settings.mqtt.url).toBe('mqtt://core-mosquitto:1883')
})

test('another token is reported, without either of them', async () => {
  const { env } = await startSupervisor(brokerIs(mosquitto))

  const [problem, ...others] = problemsOf(await ask({ env: { ...env, SUPERVISOR_TOKEN: 'wrong-hunter2' } }))

  expect(others).toEqual([])
  expect(problem?.message).toBe(
    "the Supervisor does not let this app ask: config.yaml must have 'services: [mqtt:want]'",
  )
})

const ok = (data: unknown) => json(200, { result: 'ok', data })
const hostile: [string, Reply][] = [
  ['never answers', () => undefined],
  ['hangs up', (response) => void response.destroy()],
  ['sends no end', (response) => flood(response)],
  ['sends no JSON', (response) => void response.end('<html>hunter2</html>')],
  ['points elsewhere', (response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()],
  ['names no host', ok({ port: 1883 })],
  ['names a port that does not exist', ok({ host: 'hunter2', port: 0 })],
  ['names a host of the wrong kind', ok({ host: ['hunter2'], port: 1883 })],
  ['has an inner error', json(500, { result: 'error', message: 'hunter2' })],
]

function flood(response: Parameters<Reply>[0]) {
  const more = setInterval(() => response.write('x'.repeat(65_536)), 1)
  onTestFinished(() => clearInterval(more))
  response.on('close', () => clearInterval(more))
  response.on('error', () => undefined)
}

test.for(hostile)('a Supervisor that %s leaves one problem with nothing of its words', async ([, reply]) => {
  const supervisor = await startSupervisor(reply)

  const problems = problemsOf(await ask({ env: supervisor.env, clock: hurried }))

  expect(problems).toHaveLength(1)
  expect(problems[0]?.place).toBe("mqtt.url (Supervisor's MQTT service)")
  expect(problems[0]?.message).toMatch(/^(the Supervisor does not answer|the answer of the Supervisor)/)
  expect(JSON.stringify(problems)).not.toMatch(new RegExp(`hunter2|${supervisorToken}`))
})

test('an answer without an end is ended by its size', async () => {
  const { env } = await startSupervisor(flood)
  const patient: Clock = { ...hurried, after: () => () => undefined }

  const problems = problemsOf(await ask({ env, clock: patient }))

  expect(problems).toEqual([
    expect.objectContaining({ message: expect.stringMatching(/^the answer of the Supervisor \(HTTP 200\)/) }),
  ])
})

test.for([
  ['a host with a path', { ...mosquitto, host: 'evil/../x' }],
  ['a host with a user name in it', { ...mosquitto, host: 'hunter2@evil' }],
  ['a password without a user', { host: 'core-mosquitto', port: 1883, password: 'hunter2' }],
] as const)('%s is refused like any other setting', async ([, service]) => {
  const { env } = await startSupervisor(brokerIs(service))

  const problems = problemsOf(await ask({ env }))

  expect(problems[0]?.place).toMatch(/\(Supervisor's MQTT service\)$/)
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test('without a Supervisor one sentence ends the program, without a token no query', async () => {
  const env = { SUPERVISOR_TOKEN: supervisorToken, SUPERVISOR_API: 'http://127.0.0.1:1' }

  const problems = problemsOf(await ask({ env, clock: hurried }))
  const { mqttService } = await ask({})

  expect(problems.map(({ message }) => message)).toEqual([
    'the Supervisor does not answer; is this program started by it?',
  ])
  expect(mqttService).toBeUndefined()
})

test('a stop ends the wait for a Supervisor at once', async () => {
  const stop = new AbortController()
  const { env } = await startSupervisor(() => stop.abort(new Error('stopped')))
  const needs = { env, cwd: directoryWith(), overrides: new Map<string, string>(), clock: systemClock }

  await expect(askForMqttService({ ...needs, signal: stop.signal })).rejects.toThrow('stopped')
})
