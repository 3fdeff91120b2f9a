/** A further reader of results is one entry of a list. */
import { expect, onTestFinished, test } from 'vitest'
import { openDaemon } from '../../src/app.ts'
import { checks } from '../../src/cli/context.ts'
import { loadConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/domain/clock.ts'
import type { Observer } from '../../src/domain/ports.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { home } from '../support/homes.ts'
import { readableLog, temporaryDirectory } from '../support/samples.ts'
import { longestWaitMs } from '../support/until.ts'

/** A daemon with the built-in broker, a simulated cloud with two modules, and these observers. */
async function daemonWith(observers: readonly Observer[]) {
  const cwd = temporaryDirectory()
  const cloud = await startSimulator({ manifestSeconds: 0, accounts: [home(2)] })
  onTestFinished(() => cloud.close())
  const overrides = {
    dataDir: `${cwd}/data`,
    'blink.oauthUrl': cloud.oauthUrl,
    'blink.restUrl': cloud.restUrl,
    'mqtt.url': 'embedded',
    'mqtt.listen': '127.0.0.1:0',
  }
  const loaded = loadConfig({
    env: { BLINK_TOKENS: cloud.tokens() },
    ...{ cwd, ...checks, overrides: new Map(Object.entries(overrides)) },
  })
  const [clock, log] = [systemClock, readableLog()]
  const daemon = await openDaemon({ loaded, version: '1.2.3', clock, log, observers })
  onTestFinished(() => daemon.stop())
  return { daemon, log }
}

test('an observer that counts deliveries is one entry of a list', async () => {
  let deliveries = 0
  const { daemon } = await daemonWith([{ eventDelivered: () => void deliveries++ }])

  await daemon.once()
  await daemon.drained(AbortSignal.timeout(longestWaitMs))

  expect(deliveries).toBe(2)
})

test('an observer that throws is logged once and stops no other observer', async () => {
  const seen: string[] = []
  const broken: Observer = {
    moduleFinished() {
      throw new TypeError('a bug')
    },
  }
  const { daemon, log } = await daemonWith([broken, { moduleFinished: ({ kind }) => void seen.push(kind) }])

  await daemon.once()
  await daemon.drained(AbortSignal.timeout(longestWaitMs))

  expect(seen).toEqual(['requested', 'requested'])
  expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
    { message: 'an observer failed: this is a bug' },
  ])
})
