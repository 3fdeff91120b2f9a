import { createServer } from 'node:net'
import { connectAsync } from 'mqtt'
import { expect, test } from 'vitest'
import { document, fast, home, itemsSeen, stem } from '../support/homes.ts'
import { freePort } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const options = { broker: false, simulator: { manifestSeconds: 0, accounts: [home(1)] } }

test('with the built-in broker nothing else is needed', async () => {
  await using world = await startWorld(options)
  const port = await freePort()
  const daemon = world.start(['run'], { MQTT_URL: 'embedded', MQTT_LISTEN: `127.0.0.1:${port}` })
  await daemon.says('run done')

  await using observer = await observe(`mqtt://127.0.0.1:${port}`, 4)

  await until('what is retained', () => observer.on('bridge/state').length > 0)
  await until('the id', () => observer.latest(`${stem(1)}/request_id`) === '670000001', {
    state: daemon.stderr,
  })
  const pending = document(observer.latest(`${stem(1)}/manifest/pending`))
  expect(pending).toMatchObject([{ request_id: 670_000_001 }])
  expect(observer.on('/manifest/requested')).toEqual([])
  const { code } = await daemon.stop('SIGTERM')
  expect(code).toBe(0)
  const complaints = daemon.logged().filter(({ level }) => Number(level) >= 40)
  expect(complaints).toEqual([])
})

test('once with the built-in broker has somebody to deliver to', async () => {
  await using world = await startWorld(options)
  const port = await freePort()

  const { code } = await world.finish(['once'], { MQTT_URL: 'embedded', MQTT_LISTEN: `127.0.0.1:${port}` })

  expect(code).toBe(0)
})

test('the built-in broker asks for the name and password that the settings hold', async () => {
  await using world = await startWorld(options)
  const port = await freePort()
  const url = `mqtt://127.0.0.1:${port}`
  const daemon = world.start(['run'], {
    MQTT_URL: 'embedded',
    MQTT_LISTEN: `127.0.0.1:${port}`,
    MQTT_USERNAME: 'home',
    MQTT_PASSWORD: 'to be or not',
    SCHEDULE_CRON: '0 0 1 1 *',
  })
  await daemon.says('run done')

  await expect(connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 })).rejects.toThrow(/[Bb]ad user/)
  const known = { protocolVersion: 4, username: 'home', password: 'to be or not' } as const
  const client = await connectAsync(url, known)
  await client.endAsync()
})

test('work items reach a subscriber of the built-in broker as they come', async () => {
  await using world = await startWorld(options)
  const port = await freePort()
  const daemon = world.start(['run'], { ...fast, MQTT_URL: 'embedded', MQTT_LISTEN: `127.0.0.1:${port}` })
  await daemon.says('built-in broker listening')
  await using observer = await observe(`mqtt://127.0.0.1:${port}`, 4)

  // Those of before are not kept for it.
  const items = await itemsSeen(observer, 2, daemon.stderr)

  expect(items.at(-1)).toMatchObject({ trigger: 'schedule', sync_module_id: 350_001 })
})

test('a port in use ends the start with 78 and names the setting', async () => {
  await using world = await startWorld(options)
  const port = await freePort()
  const holder = createServer().listen(port, '127.0.0.1')
  await until('the holder', () => holder.listening)

  const { code, stderr } = await world.finish(['run'], {
    MQTT_URL: 'embedded',
    MQTT_LISTEN: `127.0.0.1:${port}`,
  })
  holder.close()

  expect(code).toBe(78)
  expect(stderr).toMatch(new RegExp(`mqtt.listen: 127.0.0.1:${port} is in use`))
})
