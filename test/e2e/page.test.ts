import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home, itemsSeen, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { visitorAt } from '../support/page.ts'
import { noTokens } from '../support/person.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const here = { WEB_LISTEN: '127.0.0.1:0' }

/** Where the page is, as the log says. */
async function pageOf(daemon: Program, times = 1): Promise<string> {
  const { url } = await daemon.says('page listening', times)
  return String(url).replace(/\/$/, '')
}

mosquittoTest('from an empty directory to the first request ID by forms alone, and out again', async () => {
  await using world = await startWorld({ simulator: { accounts: [home(2)] } })
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...noTokens, ...here })
  const page = visitorAt(await pageOf(daemon))
  const { email, password, code } = world.cloud.person()

  expect((await page.get('/')).text).toContain('<h1>Sign in to Blink</h1>')
  await page.post('/accounts/sign-in', { email, password })
  const done = await page.post('/accounts/sign-in/code', { code })
  expect(done.text).toContain('Signed in: account 8021')
  await itemsSeen(observer, 2, () => daemon.stderr())
  await daemon.says('run done')

  expect((await page.get('/')).text).toContain('2 of 2 modules answered at ')
  await page.get('/accounts/sign-out?account=8021')
  await page.post('/accounts/sign-out', { account: '8021' })

  // An empty retained message clears the topic.
  const isCleared = () =>
    observer.on('/availability').some(({ topic, payload }) => topic.startsWith(stem(1)) && payload === '')
  await until('that the topics are cleared', isCleared, { state: () => daemon.stderr() })
  expect((await page.get('/')).text).toContain('<h1>Sign in to Blink</h1>')
  expect((await daemon.stop('SIGTERM')).code).toBe(0)
  expect(daemon.stderr()).not.toContain(password)
  expect(daemon.stderr()).not.toContain(email)
})

test('without web.listen nothing listens, and nothing of the page is loaded', async () => {
  await using world = await startWorld({ broker: false })
  const daemon = world.start(['run'], { NODE_DEBUG: 'esm' })
  await daemon.says('started')

  expect(daemon.stderr()).not.toMatch(/page listening|parts\/web\.js|hono/)
})

test('a page for the network without a password ends the start, with what to do', async () => {
  await using world = await startWorld({ broker: false })

  const { code, stderr } = await world.finish(['run'], { WEB_LISTEN: '0.0.0.0:0' })

  expect(code).toBe(78)
  expect(stderr).toContain(
    'web.listen (environment WEB_LISTEN): would open the page to anyone in this network',
  )
  expect(existsSync(join(world.dataDir, 'state.db'))).toBe(false)
})

test('a port that is taken ends the start, with what to do', async () => {
  await using world = await startWorld({ broker: false })
  const other = world.start(['run'], { ...noTokens, ...here })
  const taken = new URL(await pageOf(other)).host
  const dataDir = join(world.directory, 'other')

  const { code, stderr } = await world.finish(['run'], {
    WEB_LISTEN: taken,
    BLINK_MANIFESTD_DATA_DIR: dataDir,
  })

  expect(code).toBe(78)
  expect(stderr).toContain(`web.listen: ${taken} is in use; choose another port`)
})

test('the password opens the page, and is in no line of the log', async () => {
  await using world = await startWorld({ broker: false })
  const daemon = world.start(['run'], { ...noTokens, ...here, WEB_PASSWORD: 'a long password' })
  const page = visitorAt(await pageOf(daemon))

  expect((await page.get('/')).status).toBe(401)
  const opened = await page.post('/login', { password: 'a long password' })

  expect(opened.text).toContain('<h1>Sign in to Blink</h1>')
  expect(daemon.stderr()).not.toContain('a long password')
})

test('ingress and the direct listener are two, and a stop ends both at once', async () => {
  await using world = await startWorld({ broker: false })
  const env = { ...noTokens, ...here, WEB_INGRESS: '127.0.0.1:0', WEB_PASSWORD: 'a long password' }
  const daemon = world.start(['run'], env)
  await pageOf(daemon, 2)
  const listening = daemon.logged().filter(({ msg }) => msg === 'page listening')
  const [direct, ingress] = ['direct', 'ingress'].map((kind) =>
    visitorAt(String(listening.find(({ listener }) => listener === kind)?.url).replace(/\/$/, '')),
  )

  expect((await direct?.get('/'))?.status).toBe(401)
  expect((await ingress?.get('/'))?.text).toContain('<h1>Sign in to Blink</h1>')
  expect((await daemon.stop('SIGTERM')).code).toBe(0)
})
