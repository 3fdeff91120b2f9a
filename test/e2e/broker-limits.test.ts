/** Brokers with limits and rights of their own: request IDs flow, and what is refused is named. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { expect, test } from 'vitest'
import { fast, home, itemsSeen, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }
/** A list outgrows a limit within seconds. */
const faster = { ...fast, SCHEDULE_CRON: '* * * * * *' }
const pendingTopic = `${stem(1)}/manifest/pending`

const refusals = (daemon: Program) =>
  daemon.logged().filter(({ level, msg }) => Number(level) >= 40 && String(msg).includes('refuse'))

for (const [limit, requestIds] of [
  ['message_size_limit 2000', 9],
  ['message_size_limit 4000', 9],
  ['message_size_limit 6000', 14],
  ['max_packet_size 2048', 9],
] as const) {
  mosquittoTest(`with ${limit} all request IDs arrive, and the list is of the newest that fit`, async () => {
    await using world = await startWorld({ simulator, mosquitto: { config: [limit] } })
    await using observer = await observe(world.broker.url)
    const daemon = world.start(['run'], faster)
    const items = await itemsSeen(observer, requestIds, daemon.stderr)

    const newest = items.at(-1)?.request_id ?? 0
    const list = await until('a list with the newest', () => {
      const text = observer.latest(pendingTopic) ?? '[]'
      const ids = (JSON.parse(text) as { request_id: number }[]).map(({ request_id }) => request_id)
      return (ids.at(-1) ?? 0) >= newest && ids
    })
    expect(list.length).toBeLessThan(requestIds)
    const omitted = observer.seen.findLast(({ topic }) => topic === pendingTopic)?.properties?.userProperties
    expect(Number(omitted?.omitted)).toBeGreaterThan(0)
    await until('the refusal', () => refusals(daemon).length > 0)
    expect(refusals(daemon)).toContainEqual(
      expect.objectContaining({
        msg: 'broker refused a state topic',
        topic: 'blink-manifestd/sync/+/+/+/manifest/pending',
        bytes: expect.any(Number),
        remedy: expect.stringContaining('message_size_limit'),
      }),
    )
    expect(daemon.logged().filter(({ msg }) => msg === 'connected to broker')).toHaveLength(1)
    await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  })
}

test.each([
  'authorizePublish',
  'authorizeSubscribe',
] as const)('a broker that hangs up in %s over homeassistant/ gets every request ID', async (right) => {
  const isForbidden = (topic: string) => topic.startsWith('homeassistant/')
  const refused = new Error('no')
  const broker = await Aedes.createBroker({
    authorizePublish(client, { topic }, done) {
      done(client && right === 'authorizePublish' && isForbidden(topic) ? refused : null)
    },
    authorizeSubscribe(_client, subscription, done) {
      if (right === 'authorizeSubscribe' && isForbidden(subscription.topic)) done(refused)
      else done(null, subscription)
    },
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    broker.handle(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  await using world = await startWorld({ simulator, broker: false })
  const url = `mqtt://127.0.0.1:${port}`
  const observer = await observe(url, 4)
  const daemon = world.start(['run'], { ...faster, MQTT_URL: url })
  await itemsSeen(observer, 6, daemon.stderr)
  await until('the refusal', () => refusals(daemon).length > 0, { state: daemon.stderr })
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  const { waiting } = await daemon.stop().then(() => daemon.says('stopped'))
  expect(waiting).toBe(0)
  expect(daemon.stderr()).not.toContain('mqtt.clientId')
  expect(JSON.stringify(refusals(daemon))).toContain('homeassistant/')
  await observer[Symbol.asyncDispose]()
  server.close()
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => broker.close(resolve))
})
