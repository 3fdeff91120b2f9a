/** Names from the cloud that nobody should have, through the real program: all that it prints, logs and publishes. */
import { expect } from 'vitest'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import { itemsSeen } from '../support/homes.ts'
import { drivesTerminal, hostileNames } from '../support/hostile.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startWorld } from '../support/world.ts'

const account: AccountSpec = {
  id: 8021,
  region: 'e008',
  networks: hostileNames.map((name, index) => ({ id: 44_000 + index, name })),
  modules: hostileNames.map((name, index) => ({
    ...{ id: 350_000 + index, networkId: 44_000 + index, name },
    ...{ serial: name, firmware: name, type: name, subtype: name },
  })),
}

/** Longer than any document that holds bounded texts only. */
const longestPayload = 16_000

mosquittoTest('hostile names reach no topic, no terminal, and no log unescaped', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [account] } })
  const observer = await world.observer()

  const pretty = { LOG_LEVEL: 'trace', LOG_FORMAT: 'pretty' }
  const table = await world.finish(['once'], pretty)
  await itemsSeen(observer, hostileNames.length)
  // One after the other: the login that one renews is the one that the next needs.
  const json = await world.finish(['once', '--json'], { LOG_LEVEL: 'trace' })
  const discovered = await world.finish(['discover'], pretty)
  const listed = await world.finish(['discover', '--json'], { LOG_LEVEL: 'trace' })

  for (const { code, stdout, stderr } of [table, json, discovered, listed]) {
    expect(code).toBe(0)
    expect(stdout).not.toMatch(drivesTerminal)
    expect(stderr).not.toMatch(drivesTerminal)
    expect(stdout.length).toBeGreaterThan(500)
  }
  // One line for each module, and one above: no name has made another.
  expect(table.stdout.trimEnd().split('\n')).toHaveLength(hostileNames.length + 1)
  expect(discovered.stdout.trimEnd().split('\n')).toHaveLength(hostileNames.length + 1)
  const names = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => String((JSON.parse(line) as { name: unknown }).name))
  expect(names).toContain('a/b/+/#')
  expect(names).toContain('\u001b]0;title\u0007\u001b]52;c;cm0gLXJm\u0007')
  expect(Math.max(...names.map(({ length }) => length))).toBeLessThanOrEqual(400)

  for (const { topic, payload } of observer.seen) {
    expect(topic).toMatch(/^blink-manifestd\/[a-z_/0-9]+$/)
    expect(payload).not.toMatch(drivesTerminal)
    expect(payload.length).toBeLessThan(longestPayload)
  }
  const infos = observer.on('/info').filter(({ topic }) => topic.includes('/sync/'))
  const known = infos.map(({ payload }) => (JSON.parse(payload) as { name: string }).name)
  expect(new Set(known)).toEqual(new Set(names))
})

mosquittoTest('hostile settings are shown escaped, and end the start as any other bad ones', async () => {
  await using world = await startWorld({ broker: false })
  const attack = '\u001b[2J\u009b31m\u202e\r'

  const results = await Promise.all([
    world.finish(['run'], { MQTT_URL: `mqtt://${attack}`, SCHEDULE_CRON: attack, MQTT_BASE_TOPIC: attack }),
    world.finish(['run', '--config', `./${attack}.yaml`]),
    world.finish(['config', '--log-level', attack, '--json']),
    world.finish(['config', '--data-dir', `./x\u009b\u202e`]),
    world.finish(['run', `--${attack}`]),
    world.finish([attack]),
    world.finish(['once'], {
      LOG_FORMAT: 'pretty',
      MQTTJS_SOCKS_PROXY: attack,
      BLINK_MANIFESTD_DATA_DIR: '/dev/null/x',
    }),
  ])

  for (const { stdout, stderr } of results) expect(`${stdout}${stderr}`).not.toMatch(drivesTerminal)
  expect(results.slice(0, 6).map(({ code }) => code)).toEqual([78, 78, 78, 78, 64, 64])
})
