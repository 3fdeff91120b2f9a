import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { home } from '../support/homes.ts'
import type { Finished } from '../support/program.ts'
import { startWorld, type World } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }
const trace = / at .*\.[jt]s:\d+/

async function inAWorld<T>(visit: (world: World) => Promise<T>): Promise<T> {
  await using world = await startWorld({ broker: false, simulator })
  return await visit(world)
}

test('several bad settings are all reported at once, and end the start with 78', async () => {
  const { code, stdout, stderr } = await inAWorld((world) =>
    world.finish(['run', '--schedule-spread-seconds', 'soon'], {
      SCHEDULE_CRON: 'every now and then',
      MQTT_URL: 'http://broker.lan',
      REQUEST_TTL_SECONDS: '-3',
      LOG_LEVEL: 'loud',
      SCHEDULE_TIMEZONE: 'Mars/Olympus',
    }),
  )

  expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
  for (const name of ['SCHEDULE_CRON', 'MQTT_URL', 'REQUEST_TTL_SECONDS', 'LOG_LEVEL', 'SCHEDULE_TIMEZONE']) {
    expect(stderr).toMatch(new RegExp(`${name}|${settingOf(name)}`))
  }
  expect(stderr).toContain('schedule-spread-seconds')
  expect(stderr).not.toMatch(trace)
})

test('bad tokens, broker and TLS file are reported together, by config and by run', async () => {
  await inAWorld(async (world) => {
    const ca = join(world.directory, 'ca.pem')
    writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n')
    const env = { BLINK_TOKENS: 'garbage', MQTT_URL: 'x', MQTT_CA: ca }
    const [config, run] = await Promise.all([world.finish(['config'], env), world.finish(['run'], env)])

    expect(config).toMatchObject({ code: 78, stdout: '' })
    expect(config.stderr).toContain('4 problems with the settings')
    for (const place of [/blink\.tokens.*BLINK_TOKENS/, /mqtt\.url.*MQTT_URL/, /mqtt\.ca.*MQTT_CA/])
      expect(config.stderr).toMatch(place)
    expect(config.stderr).not.toMatch(/garbage|nonsense/)
    expect(run).toEqual(config)
    expect(existsSync(world.dataDir)).toBe(false)
  })
})

test('a bad settings file is reported with its line, an unknown key with the nearest', async () => {
  await inAWorld(async (world) => {
    const path = join(world.directory, 'my.yaml')
    writeFileSync(path, 'mqtt:\n  url: mqtt://broker.lan\n clientId: x\n')
    const noYaml = await world.finish(['config', '--config', path])
    writeFileSync(path, 'mqtt:\n  baseTopik: home\n')
    const unknown = await world.finish(['config', '--config', path])

    expect(noYaml.code).toBe(78)
    expect(noYaml.stderr).toMatch(/my\.yaml, line 3/)
    expect(unknown.code).toBe(78)
    expect(unknown.stderr).toMatch(/baseTopik.*mqtt\.baseTopic/)
  })
})

describe('a BLINK_TOKENS that cannot be used', () => {
  const secret = 'verysecrettoken'
  const lines: Readonly<Record<string, readonly [string, RegExp]>> = {
    'without a refresh token': [`client_id=${secret}`, /refresh_token/],
    'that is the bare token': [secret, /key=value/],
    'whose account is no number': [`refresh_token=${secret}|account_id=me`, /account_id/],
    'whose host is not the cloud': [`refresh_token=${secret}|host=evil.example`, /host/],
    'that is cut in an escape': [`refresh_token=${secret}%2`, /refresh_token.*URL-encoded/],
    'with an account twice': [
      `refresh_token=${secret}|account_id=1\nrefresh_token=${secret}2|account_id=1`,
      /line 2.*line 1/,
    ],
  }
  const ended = new Map<string, Finished>()
  beforeAll(() =>
    inAWorld(async (world) => {
      const run = async ([name, [BLINK_TOKENS]]: [string, readonly [string, RegExp]]) => {
        const BLINK_MANIFESTD_DATA_DIR = join(world.directory, name.replaceAll(' ', '-'))
        ended.set(name, await world.finish(['run'], { BLINK_TOKENS, BLINK_MANIFESTD_DATA_DIR }))
      }
      await Promise.all(Object.entries(lines).map(run))
    }),
  )

  test.each(
    Object.keys(lines),
  )('%s ends the start with 78, saying what is wrong and not the token', (name) => {
    const { code = null, stderr = '', stdout = '' } = ended.get(name) ?? {}
    expect(code).toBe(78)
    expect(stderr).toMatch(lines[name]?.[1] ?? /./)
    expect(stderr).toMatch(/BLINK_TOKENS|blink\.tokens/)
    expect(stderr + stdout).not.toContain(secret)
    expect(stderr).not.toMatch(trace)
  })
})

test('unknown commands and options end with 64, and say what is known', async () => {
  await inAWorld(async (world) => {
    const [command, option, value, password] = await Promise.all([
      world.finish(['onse']),
      world.finish(['run', '--mqt-url', 'x']),
      world.finish(['simulate', '--port', 'many']),
      world.finish(['run', "--mqtt-password=it's\nhunter2"]),
    ])

    expect([command.code, option.code, value.code]).toEqual([64, 64, 64])
    expect(command.stderr).toMatch(/unknown command 'onse'.*once/)
    expect(option.stderr).toMatch(/--mqt-url[\s\S]*--mqtt-url/)
    expect(password).toMatchObject({ code: 64, stderr: expect.stringContaining("'--mqtt-password'") })
    expect(password.stderr).not.toContain('hunter2')
    expect(value.stderr).toMatch(/--port/)
  })
})

test('a data directory that cannot be made is reported with a remedy', async () => {
  const { code, stderr } = await inAWorld((world) => {
    writeFileSync(join(world.directory, 'file'), '')
    return world.finish(['run'], { BLINK_MANIFESTD_DATA_DIR: join(world.directory, 'file', 'data') })
  })

  expect([75, 78]).toContain(code)
  expect(stderr).toContain('file/data')
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/[.?]$/)
  expect(stderr).not.toMatch(trace)
})

test('without credentials once and discover end with 77, and accounts says so', async () => {
  await inAWorld(async (world) => {
    const [once, discover, accounts] = await Promise.all(
      ['once', 'discover', 'accounts'].map((name) =>
        world.finish([name], { BLINK_TOKENS: '', BLINK_MANIFESTD_DATA_DIR: join(world.directory, name) }),
      ),
    )

    expect([once?.code, discover?.code, accounts?.code]).toEqual([77, 77, 0])
    for (const one of [once, discover, accounts])
      expect(one?.stderr).toMatch(/no (Blink )?login[\s\S]*blink-manifestd login/i)
    expect(world.cloud.calls).toEqual([])
  })
})

test('--help shows commands and examples, --version the version; both end with 0', async () => {
  await inAWorld(async (world) => {
    const [help, ofOnce, version] = await Promise.all([
      world.finish(['--help']),
      world.finish(['once', '--help']),
      world.finish(['--version']),
    ])

    expect([help.code, ofOnce.code, version.code]).toEqual([0, 0, 0])
    for (const name of ['run', 'once', 'discover', 'accounts', 'clips', 'config', 'demo', 'simulate']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
    }
    expect(ofOnce.stdout).toContain('blink-manifestd once --json')
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(help.stderr + ofOnce.stderr + version.stderr).toBe('')
  })
})

test('a simulator whose port is taken says so, and does not call it a bug', async () => {
  await inAWorld(async (world) => {
    const { port } = new URL(world.cloud.url)

    const { code, stderr } = await world.finish(['simulate', '--port', port])

    expect([75, 78]).toContain(code)
    expect(stderr).toMatch(new RegExp(`${port}.*in use`))
    expect(stderr).not.toMatch(trace)
  })
})

test('config shows what is in effect and where from, with secrets masked', async () => {
  await inAWorld(async (world) => {
    const env = { MQTT_USERNAME: 'home', MQTT_PASSWORD: 'hunter2' }
    const [yaml, json] = await Promise.all([
      world.finish(['config', '--mqtt-base-topic', 'blink'], env),
      world.finish(['config', '--json'], env),
    ])

    expect([yaml.code, json.code]).toEqual([0, 0])
    expect(yaml.stdout).toMatch(/baseTopic: blink # .*--mqtt-base-topic/)
    expect(yaml.stdout).toMatch(/username: home # .*MQTT_USERNAME/)
    expect(JSON.parse(json.stdout)).toMatchObject({ settings: { mqtt: { username: 'home' } } })
    expect(yaml.stdout + json.stdout).not.toMatch(/hunter2|sim-refresh/)
  })
})

/** `MQTT_URL` is `mqtt.url`, `REQUEST_TTL_SECONDS` is `request.ttlSeconds`. */
function settingOf(variable: string): string {
  const [first = '', ...rest] = variable.toLowerCase().split('_')
  return `${first}\\.${rest.map((word, at) => (at === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('')}`
}
