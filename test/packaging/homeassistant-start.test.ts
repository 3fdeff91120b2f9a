/** The Home Assistant app, started as its Supervisor does, beside a Supervisor, a broker and a simulated cloud. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { demoAccount } from '../../src/simulator/demo-account.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { type Answer, appTest, healthcheck, startApp } from '../support/app-container.ts'
import { home } from '../support/homes.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { brokerIs, startSupervisor, supervisorToken } from '../support/supervisor.ts'
import { until } from '../support/until.ts'

const { directory } = inject('packed')
const login = { username: 'addons', password: 'a-password-of-the-broker' }
// One run, at the start, and none soon that an upload would have to wait for.
const options = { schedule_cron: '0 3 1 1 *', clips_enabled: false, log_level: 'info' }

/** A Supervisor that knows a broker with a password, and a cloud with one sync module. */
async function startHome(accounts = [home(1)]) {
  await using parts = new AsyncDisposableStack()
  const cloud = await startSimulator({ manifestSeconds: 0, clipSeconds: 0, motionSeconds: 0, accounts })
  parts.defer(() => cloud.close())
  const broker = parts.use(await startMosquitto({ users: { [login.username]: login.password } }))
  const supervisor = await startSupervisor(brokerIs({ host: '127.0.0.1', port: broker.port, ...login }))
  const env = {
    ...supervisor.env,
    TZ: 'Europe/Berlin',
    LOG_FORMAT: 'json',
    BLINK_OAUTH_URL: cloud.oauthUrl,
    BLINK_REST_URL: cloud.restUrl,
    BLINK_TOKENS: cloud.tokens(),
  }
  const stack = parts.move()
  return { cloud, broker, supervisor, env, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** A line of /proc/<pid>/status. */
function statusOf(pid: number, name: string): string | undefined {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(text)?.[1]?.replaceAll('\t', ' ')
}

appTest('the app publishes to the broker of the Supervisor, as a user without rights', async () => {
  await using place = await startHome()
  await using observer = await observe(place.broker.url, 5, login)

  await using app = startApp({ directory, options, env: place.env })
  await until('a request ID', () => observer.on('/manifest/requested').length > 0, {
    state: () => app.stderr(),
  })
  const pid = await app.program()

  expect(statusOf(pid, 'Uid')).toBe('1000 1000 1000 1000')
  expect(statusOf(pid, 'Gid')).toBe('1000 1000 1000 1000')
  expect(statusOf(pid, 'Groups')).toBe('')
  expect(statusOf(pid, 'NoNewPrivs')).toBe('1')
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    expect(statusOf(pid, set), set).toBe('0000000000000000')
  expect(place.supervisor.requests).toEqual(['GET /services/mqtt'])
  for (const name of ['', 'options.json', 'state.db'])
    expect(statSync(join(app.data, name)).uid, name).toBe(1000)
  expect(statSync(join(app.media, 'blink-manifestd')).uid).toBe(1000)
  expect(await app.stop()).toBe(0)
  for (const secret of [supervisorToken, login.password])
    expect(app.stdout() + app.stderr()).not.toContain(secret)
})

appTest('config shows options and broker with their origins, and no secret', async () => {
  await using place = await startHome()

  await using app = startApp({ directory, options, env: place.env, command: ['config', '--json'] })
  expect(await app.ended, app.stderr()).toBe(0)
  const { settings, origins } = JSON.parse(app.stdout()) as {
    readonly settings: Record<string, Record<string, unknown>>
    readonly origins: Record<string, string>
  }

  expect(settings.mqtt).toMatchObject({ url: place.broker.url, username: 'addons', password: '[secret]' })
  expect(settings.clips).toMatchObject({ directory: '/media/blink-manifestd' })
  expect(origins).toMatchObject({
    dataDir: 'environment BLINK_MANIFESTD_DATA_DIR',
    'schedule.cron': 'app option schedule_cron',
    'schedule.timezone': 'environment TZ',
    'mqtt.url': "Supervisor's MQTT service",
    'mqtt.password': "Supervisor's MQTT service",
  })
  for (const secret of [supervisorToken, login.password])
    expect(app.stdout() + app.stderr()).not.toContain(secret)
})

appTest('clips go to the folder of the media that Home Assistant plays', async () => {
  await using place = await startHome([demoAccount])
  place.cloud.motion({ camera: 'Porch' })
  await using observer = await observe(place.broker.url, 5, login)

  await using app = startApp({ directory, options: { ...options, clips_enabled: true }, env: place.env })
  const saved = await until('a clip', () => observer.on('/clip/new')[0], { state: () => app.stderr() })
  const clip = JSON.parse(saved.payload) as { readonly path: string; readonly media_content_id: string }

  expect(decodeURIComponent(clip.media_content_id)).toBe(
    `media-source://media_source/local/blink-manifestd/${clip.path}`,
  )
  expect(statSync(join(app.media, 'blink-manifestd', clip.path)).uid).toBe(1000)
})

appTest('a restart finds options that the Supervisor has written anew for root', async () => {
  await using place = await startHome()
  await using first = startApp({ directory, options, env: place.env })
  await first.says('connected to broker')
  await first.stop()

  const again = { directory, options: { ...options, log_level: 'warn' }, data: first.data, env: place.env }
  await using second = startApp({ ...again, command: ['config', '--json'] })

  expect(await second.ended, second.stderr()).toBe(0)
  expect(JSON.parse(second.stdout())).toMatchObject({ settings: { log: { level: 'warn' } } })
})

appTest('without a broker the app ends with what to install', async () => {
  const supervisor = await startSupervisor()

  await using app = startApp({ directory, options, env: supervisor.env })

  expect(await app.ended).toBe(78)
  expect(app.stderr()).toContain('install and start the app "Mosquitto broker", or set the option mqtt_url')
})

appTest('the healthcheck of the image works for root beside the program', async () => {
  await using place = await startHome()
  await using app = startApp({ directory, options, env: place.env })
  await until('the heartbeat', () => readdirSync(app.data).includes('heartbeat'), {
    state: () => app.stderr(),
  })

  const beside = { directory, options, env: place.env, data: app.data }
  await using check = startApp({ ...beside, instead: healthcheck() })

  expect(await check.ended, check.stderr()).toBe(0)
  expect(check.stdout()).toBe('alive\n')
})

appTest('the page is there for the Supervisor and for no other app', async () => {
  await using app = startApp({
    directory,
    options: { ...options, mqtt_url: 'mqtt://127.0.0.1:9' },
    env: { LOG_FORMAT: 'json' },
    network: 'own',
  })
  const outside = { host: 'home.example:8123', 'x-ingress-path': '/api/hassio_ingress/dGhlLXRva2Vu' }

  await app.says('no credentials, nothing to request')
  const ours = await listening(() => app.get('172.30.32.2', '/', outside))
  const others = await app.get('172.30.33.9', '/', outside)

  expect(ours.status, ours.text).toBe(200)
  expect(ours.headers['content-type']).toMatch(/^text\/html/)
  expect(ours.headers['content-security-policy']).toContain("frame-ancestors 'self'")
  expect(ours.text).not.toMatch(/(href|src|action)="\//)
  expect({ status: others.status, text: others.text }).toEqual({
    status: 403,
    text: 'Only Home Assistant may connect here.\n',
  })
})

async function listening(look: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await look()
    if (answer.status !== 0) return answer
  }
}
