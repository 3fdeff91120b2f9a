/** Several daemons that share a PostgreSQL are one at the broker, for commands and on the page. */
import { expect } from 'vitest'
import { bridgeAmong, type FleetWorld, startFleetWorld } from '../support/fleet-world.ts'
import { command, document, home, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { type Visitor, visitorAt } from '../support/page.ts'
import { isPostgresMissing, postgresTest } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const base = 'blink-manifestd/bridge'
const accounts = [home(2), home(1, { id: 9001 })]
const stateOf = (name: string) => `${base}/instance/${name}/state`

/** Needs both servers. */
function fleetTest(name: string, body: (fleet: FleetWorld) => Promise<void>): void {
  const needy = isPostgresMissing ? postgresTest : mosquittoTest
  needy(name, async () => {
    await using fleet = await startFleetWorld({ accounts, manifestSeconds: 0 })
    await body(fleet)
  })
}

/** Loads a page until this is on it. */
async function shows(page: Visitor, path: string, text: string): Promise<void> {
  let latest = ''
  let isLoading = false
  await until(`${text} on ${path}`, () => {
    if (!isLoading) {
      isLoading = true
      const load = async () => {
        latest = (await page.get(path)).text
        isLoading = false
      }
      load().catch((error: unknown) => (latest = String(error)))
    }
    return latest.includes(text)
  })
}

/** Starts two, and waits until both are at the broker and one of them is the bridge. */
async function startTwo(fleet: FleetWorld, env: Readonly<Record<string, string>> = {}) {
  const two = [fleet.start('one', env), fleet.start('two', env)]
  const state = () => two.map(({ daemon }) => daemon.stderr()).join('\n')
  const { observer } = fleet
  for (const { name } of two) {
    await until(`the birth of ${name}`, () => observer.latest(stateOf(name)) === 'online', { state })
  }
  await until('the birth of the bridge', () => observer.latest(`${base}/state`) === 'online', { state })
  const bridge = await bridgeAmong(two)
  const [other = bridge] = two.filter((one) => one !== bridge)
  return { bridge, other, state }
}

fleetTest('two daemons discover and request once, whoever is asked', async (fleet) => {
  const { observer } = fleet
  const { bridge, other, state } = await startTwo(fleet)
  for (const { daemon } of [bridge, other])
    expect(await daemon.says('started')).toMatchObject({ accounts: 2 })

  const answer = await command(fleet.observer, 'manifest/request')
  await until('all work items', () => workItems(observer).length === 3, { state })

  // A new account is requested at once, and its request ID is then the answer.
  const { requested, reused, failed } = answer.data as Record<string, number>
  expect([answer.status, Number(requested) + Number(reused), failed]).toEqual(['ok', 3, 0])
  const devices = () => observer.seen.filter(({ topic }) => topic.startsWith('homeassistant/device/'))
  const names = () => new Set(devices().map(({ topic }) => topic))
  await until('a document of each module and the bridge', () => names().size === 4, { state })
  const infos = new Set(observer.on('/bridge/info').map(({ payload }) => JSON.parse(payload).install_id))
  expect(infos.size).toBe(1)
  expect(observer.latest('blink-manifestd/sync/9001/44001/350001/request_id')).toMatch(/^\d+$/)
})

fleetTest('a page shows and commands what other daemons work on', async (fleet) => {
  const { observer } = fleet
  const { other, state } = await startTwo(fleet)
  await command(fleet.observer, 'manifest/request')
  const page = visitorAt(await other.page())

  const { modules, health } = JSON.parse((await page.get('/api/v1/status')).text)
  const overview = (await page.get('/')).text
  await page.get('/modules')
  const paused = await page.post('/modules/9001/44001/350001/pause')

  expect(health.accounts).toHaveLength(2)
  expect(modules).toHaveLength(3)
  expect(overview).toMatch(/Instances.*one.*two/s)
  expect(paused.text).toContain('Paused: 1 sync module.')
  const isPaused = () =>
    JSON.parse(observer.latest('blink-manifestd/sync/9001/44001/350001/state') ?? '{}').paused === true
  await until('the pause is published', isPaused, { state })
})

fleetTest('who signs in on one page may see the other, where a new account is taken up', async (fleet) => {
  const { observer, world } = fleet
  const { bridge, other, state } = await startTwo(fleet, {
    BLINK_TOKENS: '',
    WEB_PASSWORD: 'a long password',
  })
  const [one, two] = [visitorAt(await bridge.page()), visitorAt(await other.page())]
  await one.get('/')
  await one.post('/login', { password: 'a long password' })
  for (const [name, value] of one.cookies) two.cookies.set(name, value)

  await two.get('/accounts/import')
  const imported = await two.post('/accounts/import', { tokens: world.cloud.tokens(8021) })
  await until('its work items', () => workItems(observer).length === 2, { state })

  expect(imported.text).toContain('8021')
  for (const page of [one, two]) await shows(page, '/accounts', '8021')
  expect((await visitorAt(await other.page()).get('/accounts')).status).toBe(401)
  await one.post('/accounts/sign-out', { account: '8021' })
  const isCleared = () => observer.latest('blink-manifestd/account/8021/state') === ''
  await until('its topics are cleared', isCleared, { state })
})

fleetTest('a request ID that has expired is cleared by the bridge, whoever requested it', async (fleet) => {
  const { observer } = fleet
  const { state } = await startTwo(fleet, { REQUEST_TTL_SECONDS: '10' })
  const stems = ['8021/44001/350001', '8021/44002/350002', '9001/44001/350001']
  const latest = (topic: string) =>
    stems.map((ids) => observer.latest(`blink-manifestd/sync/${ids}/${topic}`))
  await until('all IDs', () => latest('request_id').every((id) => /^\d+$/.test(id ?? '')), { state })

  await until('all are cleared', () => latest('request_id').every((id) => id === ''), { state })

  await until('none is pending', () => latest('manifest/pending').every((list) => list === '[]'), { state })
})

fleetTest('the death of the bridge leaves bridge/state online, and another one answers', async (fleet) => {
  const { observer } = fleet
  const { bridge, other, state } = await startTwo(fleet)

  await bridge.daemon.stop('SIGKILL')
  await until('the will of the dead one', () => observer.latest(stateOf(bridge.name)) === 'offline', {
    state,
  })
  await other.daemon.says('this instance is the bridge')
  const answer = await command(fleet.observer, 'health')

  expect(answer).toMatchObject({ status: 'ok' })
  expect(observer.on(`${base}/state`).map(({ payload }) => payload)).not.toContain('offline')
})

fleetTest(
  'a bridge that comes back from a long pause gives way to the one that followed it',
  async (fleet) => {
    const { observer } = fleet
    const { bridge, other, state } = await startTwo(fleet)

    bridge.daemon.kill('SIGSTOP')
    await other.daemon.says('this instance is the bridge')
    bridge.daemon.kill('SIGCONT')
    await bridge.daemon.says('this instance is the bridge no more')
    const answer = await command(fleet.observer, 'health')
    await command(fleet.observer, 'health')

    expect(answer).toMatchObject({ status: 'ok' })
    const transactions = observer.on('/response/health').map((message) => document(message).transaction)
    expect(new Set(transactions).size).toBe(transactions.length)
    expect(observer.on(`${base}/state`).map(({ payload }) => payload)).not.toContain('offline')
    await until('both are at the broker', () => observer.latest(stateOf(bridge.name)) === 'online', { state })
  },
)

fleetTest('bridge/state is online until the last daemon stops', async (fleet) => {
  const { observer } = fleet
  const { bridge, other, state } = await startTwo(fleet)

  await bridge.daemon.stop()
  await other.daemon.says('this instance is the bridge')
  await until('the second birth', () => observer.on(`${base}/state`).length > 1, { state })
  expect(observer.on(`${base}/state`).map(({ payload }) => payload)).not.toContain('offline')
  await other.daemon.stop()

  await until('offline', () => observer.latest(`${base}/state`) === 'offline', { state })
})
