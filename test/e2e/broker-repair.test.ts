/** What other clients leave on our topics is repaired within seconds, and two daemons do not answer each other. */
import { connectAsync } from 'mqtt'
import { expect } from 'vitest'
import { home, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }
const stateTopic = 'blink-manifestd/bridge/state'
const seldom = { SCHEDULE_CRON: '0 0 1 1 *' }

mosquittoTest('the will of an earlier client id is overwritten: bridge/state is online again', async () => {
  await using world = await startWorld({ simulator })
  await using observer = await observe(world.broker.url)
  const first = world.start(['run'], { ...seldom, BLINK_MANIFESTD_DATA_DIR: `${world.directory}/a` })
  await until('the first birth', () => observer.latest(stateTopic) === 'online', { state: first.stderr })
  const second = world.start(['run'], { ...seldom, BLINK_MANIFESTD_DATA_DIR: `${world.directory}/b` })
  const values = () => observer.on('bridge/state').map(({ payload }) => payload)
  // Up before the broker sends the will, as after a restart that took less than the will's delay.
  await until('the second birth', () => values().length >= 2, { state: second.stderr })

  await first.stop('SIGKILL')

  await until('the will and what follows', () => values().join(' ').endsWith('offline online'), {
    state: second.stderr,
  })
  await second.says('another client changed a retained topic of ours, publishing it again')
})

mosquittoTest('of two daemons the one that stays is online, and they do not answer each other', async () => {
  await using world = await startWorld({ simulator })
  await using observer = await observe(world.broker.url)
  const start = (name: string) =>
    world.start(['run'], { ...seldom, BLINK_MANIFESTD_DATA_DIR: `${world.directory}/${name}` })
  const older = start('a')
  await older.says('run done')
  const newer = start('b')
  await newer.says('run done')
  await until('both births', () => observer.on('bridge/state').length >= 2)

  await older.stop()
  await newer.says('another client changed a retained topic of ours, publishing it again')
  const values = () => observer.on('bridge/state').map(({ payload }) => payload)
  await until('the repair', () => values().slice(-2).join() === 'offline,online')
  expect(values().length).toBeLessThan(6)
})

mosquittoTest(
  'cleared and overwritten topics come back, and forged retained work items are cleared',
  async () => {
    await using world = await startWorld({ simulator })
    await using observer = await observe(world.broker.url)
    const client = await connectAsync(world.broker.url, { protocolVersion: 5 })
    const leave = (topic: string, payload: string) => {
      observer.except(topic, payload)
      return client.publishAsync(topic, payload, { retain: true, qos: 1 })
    }
    const forged = `${stem(1)}/manifest/requested`
    await leave(forged, '{"request_id":1}')
    const daemon = world.start(['run'], seldom)
    await daemon.says('run done')
    await until('the birth', () => observer.latest(stateTopic) === 'online')

    const isCleared = (topic: string) =>
      observer.seen.some((one) => one.topic === topic && one.payload === '')
    await until('the clearing', () => isCleared(forged), { state: daemon.stderr })
    expect(await daemon.says('cleared a retained message that another client left')).toMatchObject({
      topic: forged,
      remedy: expect.stringContaining('let only this user write there'),
    })
    const topics = [
      'blink-manifestd/bridge/info',
      'blink-manifestd/account/8021/state',
      ...['availability', 'info', 'state', 'requested_at'].map((name) => `${stem(1)}/${name}`),
    ]
    await until('all of it', () => topics.every((topic) => observer.latest(topic)))
    await Promise.all(topics.map((topic) => leave(topic, '')))
    await leave(`${stem(1)}/manifest/pending`, '[]')
    await leave(`${stem(1)}/event`, '{"event_type":"manifest_requested"}')
    const isRepaired = (topic: string, left: string) => {
      const payloads = observer.seen.filter((one) => one.topic === topic).map(({ payload }) => payload)
      return payloads.includes(left) && payloads.at(-1) !== left
    }
    await until('what was cleared', () => topics.every((topic) => isRepaired(topic, '')), {
      state: daemon.stderr,
    })
    await until('what was overwritten', () => isRepaired(`${stem(1)}/manifest/pending`, '[]'))
    await until('the event', () => isCleared(`${stem(1)}/event`))
    await client.endAsync()
  },
)
