/** A region that is wrong, or that Blink has moved an account out of: looked up again, and kept. */
import { expect, test } from 'vitest'
import { namesIn } from '../support/cloud-road.ts'
import { home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }

for (const code of ['ENOTFOUND', 'EAI_AGAIN'] as const) {
  mosquittoTest(`a region whose host cannot be looked up (${code}) is replaced and kept`, async () => {
    await using world = await startWorld({ simulator })
    const names = namesIn(world.directory)
    names.fail('rest-x999.invalid', code)
    const env = {
      ...names.env,
      BLINK_REST_URL: `http://rest-{region}.invalid:${new URL(world.cloud.url).port}/rest-{region}`,
      BLINK_TOKENS: world.cloud.tokens().replace('region_id=e008', 'region_id=rest-x999'),
    }

    const first = await world.finish(['once', '--json'], env)
    const second = await world.finish(['once', '--json'], env)

    expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0])
    expect(world.cloud.calls.filter(({ kind }) => kind === 'tier-info').length).toBe(1)
  })
}

test('a region whose host fails while Blink answers is not taken for a machine offline', async () => {
  await using world = await startWorld({ simulator, broker: false })
  const names = namesIn(world.directory)
  names.fail('rest-e008.invalid')
  const BLINK_REST_URL = `http://rest-{region}.invalid:${new URL(world.cloud.url).port}/rest-{region}`

  const { code, stderr } = await world.finish(['discover'], { ...names.env, BLINK_REST_URL })

  expect(code).toBe(75)
  expect(stderr).toContain('rest-e008.invalid is not known to the name server')
  expect(stderr).toContain('Blink answers and names this region')
  expect(stderr).not.toContain('online?')
})
