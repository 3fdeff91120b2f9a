/** A client that may only send commands, and sends as many as it can. */
import { readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import { expect } from 'vitest'
import { fast, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const base = 'blink-manifestd'
const command = `${base}/bridge/request/health`

/** The daemon, and somebody who listens to work items and answers only. */
async function flooded() {
  const parts = new AsyncDisposableStack()
  const world = parts.use(
    await startWorld({
      simulator: { manifestSeconds: 0, accounts: [home(2)] },
      mosquitto: { persistence: false },
    }),
  )
  const client = await connectAsync(world.broker.url, { protocolVersion: 5 })
  parts.defer(() => client.endAsync(true))
  const seen = { items: 0, answers: 0 }
  client.on('message', (topic) => {
    seen[topic.includes('/response/') ? 'answers' : 'items']++
  })
  await client.subscribeAsync([`${base}/sync/+/+/+/manifest/requested`, `${base}/bridge/response/#`], {
    qos: 1,
  })
  const daemon = world.start(['run'], { ...fast, LOG_LEVEL: 'info' })
  await until('the first items', () => seen.items >= 4, { state: daemon.stderr })
  const megabytes = () => {
    const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  }
  return { client, seen, daemon, megabytes, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

mosquittoTest('400 MB of commands are refused, and not kept in memory', async () => {
  await using world = await flooded()
  const { client, seen, megabytes } = world
  const before = megabytes()
  const payload = Buffer.alloc(250_000, '{')

  let sent = 0
  const sender = async () => {
    while (sent++ < 1_600) await client.publishAsync(command, payload, { qos: 1 })
  }
  await Promise.all(Array.from({ length: 20 }, sender))
  const { items } = seen
  await until('more items', () => seen.items >= items + 4)

  expect(megabytes() - before).toBeLessThan(200)
})

mosquittoTest('20,000 commands at once hold up no work item with their answers', async () => {
  await using world = await flooded()
  const { client, seen, daemon } = world

  for (let sent = 0; sent < 20_000; sent++) client.publish(command, '{}', { qos: 0 })
  const { items } = seen
  await until('more items', () => seen.items >= items + 4)

  expect(seen.answers).toBeLessThan(10_000)
  // One for each command was once written at debug.
  expect(daemon.logged().filter(({ msg }) => msg === 'command done').length).toBeLessThan(60)
})
