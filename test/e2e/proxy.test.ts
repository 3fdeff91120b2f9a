/** The program behind a proxy that wants a password. */
import { expect, test } from 'vitest'
import { home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { proxyPeer } from '../support/proxy-peer.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }

mosquittoTest('the cloud is reached through the proxy, the broker is not', async () => {
  await using world = await startWorld({ simulator })
  await using proxy = await proxyPeer({ login: 'ann:hunter2' })
  const { port } = new URL(world.cloud.url)
  const env = {
    BLINK_OAUTH_URL: `http://oauth.invalid:${port}`,
    BLINK_REST_URL: `http://rest-{region}.invalid:${port}/rest-{region}`,
    HTTP_PROXY: `http://ann:hunter2@${proxy.host}`,
  }

  const once = await world.finish(['once', '--json'], env)
  const refused = await world.finish(['discover'], {
    ...env,
    HTTP_PROXY: `http://ann:hunter3@${proxy.host}`,
  })
  const shown = await world.finish(['config'], env)

  expect(once.code, once.stderr).toBe(0)
  expect([...new Set(proxy.asked.map(({ target }) => target))]).toEqual([
    `oauth.invalid:${port}`,
    `rest-e008.invalid:${port}`,
  ])
  expect(refused.code).toBe(75)
  expect(refused.stderr).toContain(`the proxy ${proxy.host} wants a user name and password`)
  expect(shown.stdout).toContain(`HTTP_PROXY: http://[secret]@${proxy.host}`)
  expect(JSON.stringify([once, refused, shown])).not.toContain('hunter')
})

test('a proxy is no obstacle to a cloud on this machine', async () => {
  await using world = await startWorld({ simulator, broker: false })
  const nobody = 'http://ann:hunter2@127.0.0.1:9'

  const { code, stderr } = await world.finish(['discover'], { HTTP_PROXY: nobody, HTTPS_PROXY: nobody })

  expect(code, stderr).toBe(0)
})
