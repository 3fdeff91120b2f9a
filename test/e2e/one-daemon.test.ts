import { expect, test } from 'vitest'
import { fast, home, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

mosquittoTest('a second daemon on one data directory is refused, like once and discover', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const daemon = world.start(['run'])
  await daemon.says('run done')
  const before = world.cloud.calls.length

  const others = await Promise.all([['run'], ['once'], ['discover']].map((args) => world.finish(args)))

  for (const { code, stderr, stdout } of others) {
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' })
    expect(stderr).toContain(world.dataDir)
    expect(stderr).toMatch(/another/i)
    expect(stderr).not.toMatch(/ at .*\.[jt]s:\d+/)
  }
  expect(world.cloud.calls.length).toBe(before)
})

mosquittoTest('accounts and config work beside a running daemon', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const daemon = world.start(['run'])
  await daemon.says('run done')

  const accounts = await world.finish(['accounts', '--json'])
  const config = await world.finish(['config', '--json'])

  expect(accounts.code).toBe(0)
  expect(JSON.parse(accounts.stdout)).toMatchObject({ account_id: 8021, state: 'ok', region: 'e008' })
  expect(config.code).toBe(0)
})

test('after a kill the data directory is free again', async () => {
  await using world = await startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [home(1)] },
  })
  const daemon = world.start(['run'])
  await daemon.says('run done')
  await daemon.stop('SIGKILL')

  const again = world.start(['run'], fast)

  await until('another request', () => requestCount(world.cloud, 'manifest-request') >= 2, {
    state: again.stderr,
  })
})
