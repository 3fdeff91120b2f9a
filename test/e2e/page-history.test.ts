/** What the page keeps: a day of attempts over restarts, and a bundle that is made inside of the daemon. */
import { expect } from 'vitest'
import { fast, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

interface Series {
  readonly at: readonly number[]
  readonly accepted: readonly (number | null)[]
}

const password = 'correct-horse-battery'
const web = { WEB_LISTEN: '127.0.0.1:0' }

/** The address of the page, which the daemon logs. */
const pageOf = async (daemon: Program) => String((await daemon.says('page listening')).url)

/** The page as soon as it shows this. */
async function shows(url: string, what: RegExp): Promise<string> {
  let text = ''
  let isLooking = false
  const look = async () => {
    text = await (await fetch(url, { headers: { accept: 'text/html' } })).text()
    isLooking = false
  }
  return until(
    `${what} on ${url}`,
    () => {
      if (what.test(text)) return text
      if (!isLooking) void look()
      isLooking = true
      return undefined
    },
    { state: () => text },
  )
}

mosquittoTest('attempts and their fate are on the page, also after a restart', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const first = world.start(['run'], { ...fast, ...web })
  const url = await pageOf(first)
  const link = /href="\.\/(modules\/8021\/\d+\/\d+)"/
  const [, path = ''] = link.exec(await shows(`${url}modules`, link)) ?? []
  await shows(`${url}${path}`, /delivered<\/span> after \d+ ms/)
  const before = (await (await fetch(`${url}${path}/attempts`)).json()) as Series
  expect((await first.stop()).code).toBe(0)

  const second = world.start(['run'], { ...web, SCHEDULE_ON_START: 'false', SCHEDULE_CRON: '0 0 1 1 *' })
  const again = (await (await fetch(`${await pageOf(second)}${path}/attempts`)).json()) as Series

  expect(before.at.length).toBeGreaterThan(0)
  expect(again.at.slice(0, before.at.length)).toEqual(before.at)
  expect(again.accepted.some((latency) => latency !== null)).toBe(true)
})

mosquittoTest('the bundle is made inside of the daemon, which goes on', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const daemon = world.start(['run'], {
    ...fast,
    ...web,
    MQTT_USERNAME: 'anna-mqtt',
    MQTT_PASSWORD: password,
  })
  const url = await pageOf(daemon)
  await daemon.says('run done')

  const answer = await fetch(`${url}settings/support-bundle`)
  const text = await answer.text()
  await daemon.says('run done', 3)

  expect(answer.headers.get('content-disposition')).toMatch(/blink-manifestd-support-\d{8}T\d{6}Z\.json/)
  expect(JSON.parse(text)).toMatchObject({
    database: { integrity: 'ok' },
    sync_modules: [{ account: 'account-1' }],
  })
  expect(text).toContain('run done')
  expect(text).not.toMatch(/8021|sim-refresh|correct-horse|anna-mqtt/)
  expect((await daemon.stop()).code).toBe(0)
})
