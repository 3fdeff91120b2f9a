import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { fast, home, itemsSeen, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const program = fileURLToPath(new URL('../../examples/poller/poller.ts', import.meta.url))

interface Line {
  readonly worker: string
  readonly claimed?: string
  readonly request_id?: string
  readonly manifest_id?: string
}

/** One of the pollers as a process of its own, and what it printed. */
function startPoller(id: string, { directory, broker, cloud }: World, token: string) {
  const child = spawn(process.execPath, [program], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      MQTT_URL: broker.url,
      POLLER_ID: id,
      ACCESS_TOKEN: token,
      REST_URL: cloud.url,
      POLL_SECONDS: '0.2',
      RECONCILE_SECONDS: '2',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [text, errors] = ['', '']
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = () => text.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Line] : []))
  return { kill: () => child.kill('SIGKILL'), lines, errors: () => errors }
}

/** A token of the poller's own, from a refresh token that may be used twice. */
async function accessToken(cloud: Simulator): Promise<string> {
  cloud.rotateRefreshTokens('never')
  const line = new Map(
    cloud
      .tokens()
      .split('|')
      .map((pair) => pair.split('=', 2) as [string, string]),
  )
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: decodeURIComponent(line.get('refresh_token') ?? ''),
    client_id: line.get('client_id') ?? 'android',
    scope: 'client',
  })
  const answer = await fetch(`${cloud.oauthUrl}/oauth/token`, { method: 'POST', body })
  return ((await answer.json()) as { access_token: string }).access_token
}

mosquittoTest('two pollers share the work, and one that is killed at it loses nothing', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 1, accounts: [home(4)] } })
  const observer = await world.observer()
  const token = await accessToken(world.cloud)
  const [a, b] = [startPoller('a', world, token), startPoller('b', world, token)]
  await until('both at the broker', () =>
    ['a', 'b'].every((id) => world.broker.log.some((line) => line.includes(`as blink-poller-${id}`))),
  )
  const daemon = world.start(['run'], { ...fast, SCHEDULE_CRON: '*/4 * * * * *' })
  await until('the first at work', () => a.lines().some(({ claimed }) => claimed), { state: a.errors })
  a.kill()
  const again = startPoller('a', world, token)
  const items = await itemsSeen(observer, 8, daemon.stderr)
  await daemon.stop('SIGTERM')

  const fetched = () =>
    [a, b, again].flatMap((one) => one.lines().flatMap(({ request_id }) => request_id ?? []))
  const all = () => items.every(({ request_id_str }) => fetched().includes(request_id_str))
  const state = () =>
    JSON.stringify(
      [a, b, again].map((one) => [one.lines(), one.errors()]),
      undefined,
      1,
    )
  await until('every manifest', all, { state })

  expect(new Set([a, b, again].flatMap((one) => one.lines().map(({ worker }) => worker)))).toEqual(
    new Set(['a', 'b']),
  )
})

/** A web server of somebody else's, and what it was asked. */
async function foreignServer() {
  const asked: string[] = []
  const server = createServer(({ url = '' }, answer) => {
    asked.push(url)
    answer.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { host: `127.0.0.1:${port}`, asked }
}

mosquittoTest('a forged work item does not take the token of a poller to another host', async () => {
  const mosquitto = { config: ['log_type all'] }
  await using world = await startWorld({ simulator: { accounts: [home(1)] }, mosquitto })
  const observer = await world.observer()
  const { host, asked } = await foreignServer()
  const poller = startPoller('a', world, 'secret')
  await until('the poller listening', () =>
    world.broker.log.some((line) => line.includes('SUBACK to blink-poller-a')),
  )
  const paths = ['/manifest', `//${host}/manifest`, `@${host}/manifest`, `http://${host}/manifest`]
  const ids = { account_id: 8021, network_id: 44_001, sync_module_id: 350_001 }
  const [requestedAt, expiresAt] = [Date.now(), Date.now() + 3_600_000].map((ms) =>
    new Date(ms).toISOString(),
  )
  for (const [index, path] of paths.entries()) {
    const times = { requested_at: requestedAt, expires_at: expiresAt }
    const poll = { poll_path: path, poll_url: `http://${host}/manifest` }
    const item = { ...ids, request_id_str: String(index), ...times, ...poll }
    await observer.publish(`${stem(1)}/manifest/requested`, JSON.stringify(item))
  }
  const fetched = () => poller.lines().filter(({ request_id }) => request_id !== undefined).length
  const failed = () => poller.errors().match(/^8021\//gm)?.length ?? 0
  await until('all tried', () => fetched() + failed() === paths.length, { state: poller.errors })

  expect(asked).toEqual([])
})
