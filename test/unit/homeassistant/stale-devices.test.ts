/** Devices that another installation left in Home Assistant: logged once, and only where it is certain. */
import { expect, onTestFinished, test } from 'vitest'
import { discoveryDocument } from '../../../src/homeassistant/documents.ts'
import { moduleDevice } from '../../../src/homeassistant/module-entities.ts'
import { findStaleDevices } from '../../../src/homeassistant/stale-devices.ts'
import { type MessageListener, Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { aModule, readableLog } from '../../support/samples.ts'

const [own, old] = ['7f3a9c01', '0badcafe']

/** A document of a module as an installation wrote it, below a base topic. */
function documentOf(installId: string, base = 'b', differing: Parameters<typeof aModule>[0] = {}) {
  const discovering = { prefix: 'homeassistant', installId, version: '1' }
  return discoveryDocument(
    discovering,
    moduleDevice(topicsBelow(base), discovering, aModule(differing), {
      severalNetworks: false,
      follows: false,
    }),
  )
}

/** A broker's messages, and what is logged of them in ten minutes. */
async function named(
  messages: readonly { readonly topic: string; readonly payload: string; readonly retain: boolean }[],
) {
  const [log, clock, subscriptions, over] = [
    readableLog(),
    fakeClock(),
    new Subscriptions(),
    new AbortController(),
  ]
  onTestFinished(() => over.abort(new Error('over')))
  const send = (filter?: string) => {
    for (const message of messages) {
      if (filter !== undefined && message.topic !== filter) continue
      void subscriptions.dispatch({ ...message, payload: Buffer.from(message.payload), properties: {} })
    }
  }
  const subscribe = (filter: string, listener: MessageListener) => {
    subscriptions.add(filter, listener)
    if (filter.endsWith('/bridge/state')) queueMicrotask(() => send(filter))
    return () => void subscriptions.remove(filter, listener)
  }
  const needs = { topics: topicsBelow('b'), installId: own, prefix: 'homeassistant', subscribe, clock, log }
  const done = findStaleDevices(needs, Promise.resolve(), over.signal)
  await settle()
  send()
  await clock.advance(599_000)
  expect(log.lines).toEqual([])
  await clock.advance(20_000)
  await done
  expect([...subscriptions.filters]).toEqual([])
  return log.lines
}

test('a device of an installation that does not run is logged, with how to remove it', async () => {
  const lines = await named([
    documentOf(old),
    documentOf(own),
    { topic: 'b/bridge/info', payload: JSON.stringify({ install_id: old }), retain: true },
  ])

  expect(lines).toMatchObject([
    {
      level: 'warn',
      message: 'Home Assistant device of an installation that is not running',
      fields: {
        device: 'blink_manifestd_0badcafe_8021_44107_350221',
        remedy: expect.stringContaining(
          "mosquitto_pub -q 1 -r -n -t 'homeassistant/device/blink_manifestd_0badcafe_8021_44107_350221/config'",
        ),
      },
    },
  ])
})

test('an installation that publishes, here or elsewhere, has no stale devices', async () => {
  const live = { topic: 'b/bridge/info', payload: JSON.stringify({ install_id: old }), retain: false }
  const online = { topic: 'other/bridge/state', payload: 'online', retain: true }

  expect(await named([documentOf(old), live])).toEqual([])
  expect(await named([documentOf(old, 'other'), online])).toEqual([])
  // Nothing is known of one that we may not read.
  expect(await named([documentOf(old, 'other')])).toEqual([])
})

test('an installation below another base topic does not run when its state is offline', async () => {
  const offline = { topic: 'other/bridge/state', payload: 'offline', retain: true }

  expect(await named([documentOf(old, 'other'), offline])).toHaveLength(1)
})

test('documents of other programs, damaged and removed ones are not stale', async () => {
  const document = documentOf(old)
  const others = document.payload.replace('"name":"blink-manifestd"', '"name":"someone"')

  expect(others).not.toBe(document.payload)
  expect(await named([{ ...document, payload: others }])).toEqual([])
  expect(await named([{ ...document, payload: '{"origin":' }])).toEqual([])
  expect(await named([document, { ...document, payload: '' }])).toEqual([])
  expect(await named([{ ...document, topic: "homeassistant/device/x'; rm/config" }])).toEqual([])
})

test('of a fleet of stale devices a hundred are named and the rest is counted', async () => {
  const fleet = Array.from({ length: 130 }, (_, number) =>
    documentOf(old, 'b', { syncModuleId: `${number}` }),
  )

  const lines = await named(fleet)

  expect(lines).toHaveLength(101)
  expect(lines.at(-1)?.fields).toEqual({ devices: 30 })
})

test('of a flood of documents and ids a thousand are counted', async () => {
  const flood = Array.from({ length: 3_000 }, (_, number) => {
    const id = number.toString(16).padStart(8, '0')
    const info = { topic: 'b/bridge/info', payload: JSON.stringify({ install_id: id }), retain: false }
    return number < 1_500 ? info : documentOf(id)
  })

  const lines = await named(flood)

  expect(lines.at(-1)?.fields).toEqual({ devices: 900 })
})
