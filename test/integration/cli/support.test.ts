/** `support` writes what a bug report needs, and nothing that is secret or personal. */
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { support } from '../../../src/cli/support.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'
import type { KnownClip } from '../../../src/domain/clip.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { diagnosticsPath } from '../../../src/support/diagnostics.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { hostileNames } from '../../support/hostile.ts'
import { formsOf } from '../../support/kept.ts'
import {
  aModule,
  anItem,
  failed,
  readableLog,
  requested,
  start,
  temporaryDirectory,
} from '../../support/samples.ts'
import { brokerIs, noBroker, startSupervisor, supervisorToken } from '../../support/supervisor.ts'

/** As Blink's tokens look, and as people make passwords. */
const secrets = {
  refreshToken: 'eyJraWQiOiJ4Iiwi.YWxnIjoiUlMyNTYifQ-9f8e7d6c5b4a39281706',
  hardwareId: '5F0A2F6C-8D0C-4B3A-9E1D-0123456789AB',
  mqttPassword: 'Sömmer 2026! &co',
  webPassword: 'correct-horse/battery',
  token: 'v1.Mj-abcdef0123456789',
}
const people = {
  email: 'anna.schmidt+blink@example.org',
  host: 'anna-home.duckdns.org',
  username: 'anna-mqtt',
  serial: 'G8V1-4A00-1234-5678',
  address: '192.168.178.23',
}
const env = {
  MQTT_URL: `mqtts://${people.host}:8883`,
  MQTT_USERNAME: people.username,
  MQTT_PASSWORD: secrets.mqttPassword,
  WEB_PASSWORD: secrets.webPassword,
  BLINK_TOKENS: `refresh_token=${encodeURIComponent(secrets.token)}|account_id=99887766`,
  HTTPS_PROXY: `http://proxy-user:${secrets.token}@${people.host}:3128`,
  MODULES_EXCLUDE: '44107/350222',
}
const accountId = '80217766'
const names = [...hostileNames, 'Anna’s Garage', 'Front Door', 'run']
/** These mask themselves by what they are; as part of a document each would be found for another reason. */
const tellTale = names.filter((name) => name.length >= 3 && !['run', '+/#', '__proto__'].includes(name))

/** A data directory in which everything stands everywhere. */
async function filled(): Promise<string> {
  const dataDir = join(temporaryDirectory(), 'data')
  const storage = await openStorage(dataDir, fakeClock(), readableLog())
  await storage.credentials.save({
    ...{ key: 'login-0197a100-0000', source: 'login', fingerprint: undefined, clientId: 'ios' },
    ...{ refreshToken: new Secret(secrets.refreshToken), hardwareId: secrets.hardwareId },
    ...{ accountId, region: 'e008', refusedAt: start, refusedFor: 'login_required' },
  })
  const modules = names.map((name, index) =>
    aModule({
      accountId,
      syncModuleId: `${350_222 + index}`,
      name,
      networkName: `Net ${name}`,
      serial: people.serial,
    }),
  )
  await storage.ledger.seen(accountId, modules)
  await storage.ledger.record(requested(anItem({ ...modules[0], requestId: '501' }), modules[0]))
  const message = `${people.address} refused ${people.email} at ${people.host} for ${names[3]}`
  const failure = { code: 'cloud_unreachable', message, retryable: true }
  await storage.ledger.record(failed({ module: modules[1] ?? aModule(), failure }))
  for (const cameraName of names) {
    const clip: KnownClip = { createdAt: start, listedSize: 1, cameraName, state: 'listed' }
    await storage.clips.put({ accountId, networkId: '44107', syncModuleId: '350222' }, clip)
  }
  await storage.close()
  const everything = [...Object.values(secrets), ...Object.values(people), ...tellTale]
  for (const [index, text] of everything.entries()) {
    const line = { time: new Date(start + index).toISOString(), level: 'warn', msg: 'something failed' }
    const fields = {
      account_id: Number(accountId),
      detail: `this is ${text} here`,
      name: text,
      nested: [text],
    }
    appendFileSync(diagnosticsPath(dataDir), `${JSON.stringify({ ...line, ...fields })}\n`)
  }
  return dataDir
}

/** Runs the command in an empty directory. */
async function run(dataDir: string, output?: string, appEnv?: Readonly<Record<string, string>>) {
  const cwd = temporaryDirectory()
  const texts = { out: '', err: '' }
  const never = new AbortController().signal
  const terminal: Terminal = {
    env: { ...(appEnv ?? env), BLINK_MANIFESTD_DATA_DIR: dataDir },
    cwd,
    out: (text) => {
      texts.out += text
    },
    err: (text) => {
      texts.err += text
    },
    log: { write: () => true } as unknown as Terminal['log'],
    ...{ outClosed: never, stop: never, outIsTerminal: false, errIsTerminal: false, umask: 0o022 },
  }
  const code = await support(terminal, { config: undefined, overrides: new Map(), json: false }, output)
  return { code, cwd, ...texts }
}

interface Bundle {
  readonly settings: readonly { readonly name: string; readonly value: unknown; readonly origin: string }[]
  readonly accounts: readonly Record<string, unknown>[]
  readonly sync_modules: readonly Record<string, unknown>[]
  readonly database: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
}
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Bundle

test('no secret, address, serial number, name or id is in the file, in any form', async () => {
  const { out } = await run(await filled())

  const text = readFileSync(out.trim(), 'utf8')
  const seen = [...Object.values(secrets), ...Object.values(people), ...tellTale]
    .flatMap((one) => [one, ...[one.replace(/[^\p{L}\p{N}_]/gu, '')].filter(({ length }) => length > 5)])
    .filter((one) =>
      [...formsOf(one.toWellFormed()), JSON.stringify(one).slice(1, -1)].some((form) => text.includes(form)),
    )
  expect(seen).toEqual([])
  for (const id of [accountId, '99887766', '44107', '350222', '501']) {
    expect(text).not.toMatch(new RegExp(`(?<!\\d)${id}(?!\\d)`))
  }
})

test('versions, settings with origins, states, database and lines are in it', async () => {
  const { code, out, err, cwd } = await run(await filled())

  expect(code).toBe(0)
  expect(out).toMatch(/blink-manifestd-support-\d{8}T\d{6}Z\.json\n$/)
  expect(err).toContain('Look through the file')
  expect(readdirSync(cwd)).toHaveLength(1)
  expect(statSync(out.trim()).mode & 0o777).toBe(0o600)
  const bundle = read(out.trim())
  const setting = (wanted: string) => bundle.settings.find(({ name }) => name === wanted)
  expect(setting('mqtt.url')).toMatchObject({
    value: 'mqtts://[address]:8883',
    origin: 'environment MQTT_URL',
  })
  expect(setting('mqtt.password')).toMatchObject({ value: '[secret]' })
  expect(setting('modules.exclude')).toMatchObject({ value: ['network-1/module-1'] })
  expect(bundle.accounts).toMatchObject([{ account: 'account-1', state: 'login_required', region: 'e008' }])
  expect(bundle.sync_modules).toHaveLength(names.length)
  expect(bundle.sync_modules[0]).toMatchObject({
    account: 'account-1',
    model: 'sm2',
    last_outcome: 'requested',
  })
  expect(bundle.sync_modules[1]).toMatchObject({
    last_outcome: 'error',
    last_failure: {
      code: 'cloud_unreachable',
      message: expect.stringContaining('[address] refused') as string,
    },
  })
  expect(bundle.database).toMatchObject({ integrity: 'ok', waiting: 1, clips: names.length })
  expect(bundle.lines[0]).toMatch(
    /^2026-11-23T09:00:00\.000Z warn something failed \{"account_id":"account-1"/,
  )
})

test('with - it goes to standard output, and nothing is written', async () => {
  const { code, out, err, cwd } = await run(await filled(), '-')

  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ schema: 1 })
  expect(err).toBe('')
  expect(readdirSync(cwd)).toEqual([])
})

test('as an app it knows the broker of the Supervisor, and masks what it said', async () => {
  const { host, username } = people
  const supervisor = await startSupervisor(
    brokerIs({ host, port: 8883, ssl: true, username, password: secrets.mqttPassword }),
  )
  const dataDir = await filled()

  const { out } = await run(dataDir, '-', supervisor.env)
  supervisor.answer(noBroker)
  const without = await run(dataDir, '-', supervisor.env)

  const settings = (text: string) => (JSON.parse(text) as Bundle).settings
  const origin = "Supervisor's MQTT service"
  expect(settings(out)).toContainEqual({ name: 'mqtt.url', value: 'mqtts://[address]:8883', origin })
  expect(settings(out)).toContainEqual({ name: 'mqtt.password', value: '[secret]', origin })
  for (const text of [host, username, secrets.mqttPassword, supervisorToken]) expect(out).not.toContain(text)
  // Most of all where the app does not start for want of a broker.
  expect(without.code).toBe(0)
  expect(settings(without.out).find(({ name }) => name === 'mqtt.url')?.origin).toBe('default')
})

test('a file that is named is replaced, one that cannot be written is an error', async () => {
  const dataDir = await filled()
  const path = join(temporaryDirectory(), 'bundle.json')
  writeFileSync(path, 'x'.repeat(1_000_000))

  await run(dataDir, path)

  expect(read(path)).toMatchObject({ schema: 1 })
  await expect(run(dataDir, join(path, 'below'))).rejects.toThrow(`cannot write ${join(path, 'below')}`)
})

test('a damaged or missing database is said, and the rest is there', async () => {
  const dataDir = await filled()
  writeFileSync(join(dataDir, 'state.db'), Buffer.alloc(8_192, 0xa5))

  const damaged = read((await run(dataDir)).out.trim())
  const empty = join(temporaryDirectory(), 'data')
  const none = read((await run(empty)).out.trim())

  expect(String(damaged.database.integrity)).toContain('cannot ')
  expect(damaged.lines.length).toBeGreaterThan(5)
  expect(none).toMatchObject({ database: { integrity: 'there is none' }, lines: [], accounts: [] })
  expect(existsSync(join(empty, 'state.db'))).toBe(false)
})
