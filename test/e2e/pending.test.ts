import { expect } from 'vitest'
import { home, itemsSeen, stem, type WorkItem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import type { Observer } from '../support/observer.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const once = { SCHEDULE_CRON: '0 0 1 1 *', HOME_ASSISTANT_ENABLED: 'false' }
const simulator = { manifestSeconds: 0, accounts: [home(1)] }
const pending = (observer: Observer): readonly WorkItem[] | undefined => {
  const text = observer.latest(`${stem(1)}/manifest/pending`)
  return text ? (JSON.parse(text) as WorkItem[]) : undefined
}

mosquittoTest('the list of live request IDs is right after a restart with an empty broker', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], once)
  const [item] = await itemsSeen(observer, 1, daemon.stderr)
  await until('the list', () => pending(observer)?.length === 1, { state: daemon.stderr })
  await daemon.stop('SIGKILL')
  await world.broker.stop()
  await world.broker.restart({ forget: true })

  const again = world.start(['run'], { ...once, SCHEDULE_ON_START: 'false' })
  await using late = await observe(world.broker.url)

  expect(await until('the list again', () => pending(late), { state: again.stderr })).toEqual([item])
})

mosquittoTest('the list of live request IDs is empty when they have ended, over a restart too', async () => {
  const short = { ...once, REQUEST_TTL_SECONDS: '10' }
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], short)
  const [item] = await itemsSeen(observer, 1, daemon.stderr)
  await until('the list', () => pending(observer)?.length === 1, { state: daemon.stderr })
  await daemon.stop('SIGKILL')

  const again = world.start(['run'], { ...short, SCHEDULE_ON_START: 'false' })
  await until('its end', () => pending(observer)?.length === 0, { state: again.stderr })

  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(item?.expires_at ?? ''))
  await until('no request ID', () => observer.latest(`${stem(1)}/request_id`) === '')
})
