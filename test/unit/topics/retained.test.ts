/** The retained topics: everything on each connection, the latest news in between. */
import { expect, test } from 'vitest'
import { retainedModuleTopics } from '../../../src/topics/topics.ts'
import { settle } from '../../support/fake-clock.ts'
import { aView, aWorld, online, stem } from '../../support/retained-world.ts'
import { aModule, start } from '../../support/samples.ts'

test('on each connection everything is said, and last that the bridge is online', async () => {
  const { retained, published, kept, show, topicsPublished } = aWorld()
  show(aView())
  show(aView(aModule({ syncModuleId: '9' })))

  retained.all()
  await retained.settled()
  const first = topicsPublished()
  retained.all()
  await retained.settled()

  expect(published.at(-1)).toEqual(online)
  expect(first).toHaveLength(3 + 2 * retainedModuleTopics.length)
  expect(topicsPublished().slice(first.length)).toEqual(first)
  expect([...kept.keys()].filter((topic) => topic.startsWith(`${stem}/`))).toHaveLength(6)
})

test('the bridge is not online before everything else is acknowledged', async () => {
  const { retained, published, show, leave, acknowledge } = aWorld()
  show(aView())
  leave()

  retained.all()
  await settle()
  expect(published).toHaveLength(8)
  expect(published).not.toContainEqual(online)
  acknowledge()
  await settle()

  expect(published.at(-1)).toEqual(online)
})

test('a connection with more to say is online after what is still waiting', async () => {
  const world = aWorld()
  world.show(aView())

  world.retained.everything()
  await world.retained.settled()
  expect(world.kept.has(online.topic)).toBe(false)
  world.retained.account('8021')
  world.retained.birth()
  await world.retained.settled()

  expect(world.topicsPublished().slice(-2)).toEqual(['b/account/8021/state', online.topic])
  expect(world.topicsPublished().filter((topic) => topic.startsWith(stem))).toHaveLength(6)
})

test('a connection lost half-way does not make the next one online too soon', async () => {
  const { retained, published, show, leave, acknowledge, topicsPublished } = aWorld()
  show(aView())
  leave()
  retained.all()
  await settle()
  const before = published.length

  retained.all()
  acknowledge()
  await settle()
  acknowledge()
  await settle()
  acknowledge()
  await settle()

  const after = topicsPublished().slice(before)
  expect(after).toContain(`${stem}/state`)
  expect(after.indexOf('b/bridge/state')).toBeGreaterThan(after.lastIndexOf(`${stem}/state`))
})

test('a birth that waits is not said for a connection that has come in the meantime', async () => {
  const { retained, show, leave, acknowledge, topicsPublished } = aWorld()
  show(aView())
  leave()
  retained.everything()
  retained.birth()
  await settle()

  // The next connection, which has more to say before its own birth.
  retained.everything()
  for (let round = 0; round < 5; round++) {
    acknowledge()
    await settle()
  }
  expect(topicsPublished()).not.toContain('b/bridge/state')

  retained.birth()
  await settle()
  expect(topicsPublished()).toContain('b/bridge/state')
})

test('while the broker is away changes of a module count once, the latest is sent', async () => {
  const { retained, published, kept, show, leave, comeBack } = aWorld()
  leave()
  for (let other = 0; other < 40; other++) {
    const module = aModule({ syncModuleId: String(1_000 + other) })
    show(aView(module))
    retained.module(module, 'progress')
  }
  await settle()
  for (const requestsTotal of [2, 3, 4]) {
    const view = aView()
    show({ ...view, record: { ...view.record, requestsTotal } })
    retained.module(aModule(), 'progress')
  }
  await settle()

  comeBack()
  await retained.settled()

  expect(published.filter(({ topic }) => topic === `${stem}/state`)).toHaveLength(1)
  expect(JSON.parse(kept.get(`${stem}/state`) ?? '')).toMatchObject({ requests_total: 4 })
})

test('news that come while older ones are on their way are said after them', async () => {
  const { retained, kept, show, leave, comeBack } = aWorld()
  show(aView())
  leave()
  retained.module(aModule(), 'progress')
  await settle()
  show({ ...aView(), paused: true })
  retained.module(aModule(), 'progress')

  comeBack()
  await retained.settled()

  expect(JSON.parse(kept.get(`${stem}/state`) ?? '')).toMatchObject({ status: 'paused' })
})

test('what waits is acknowledged at some time, however much comes meanwhile', async () => {
  const { retained, published, show, leave, acknowledge } = aWorld()
  show(aView())
  leave()
  retained.all()
  let isSettled = false
  void retained.settled().then(() => {
    isSettled = true
  })

  // Never a moment without news.
  for (let round = 0; round < 10; round++) {
    retained.module(aModule(), 'progress')
    await settle()
    acknowledge()
  }

  expect(isSettled).toBe(true)
  expect(published).toContainEqual(online)
})

test('a publish that is never acknowledged holds up no other news', async () => {
  const { retained, show, leave, published } = aWorld()
  show(aView())
  leave()
  retained.bridge()
  await settle()

  retained.module(aModule(), 'progress')
  await settle()
  retained.account('8021')
  await settle()

  expect(published.map(({ topic }) => topic)).toContain(`${stem}/state`)
  expect(published.at(-1)?.topic).toBe('b/account/8021/state')
})

test.each([
  ['end', 'progress', 4],
  ['progress', 'end', 4],
  ['end', 'identity', 6],
  ['identity', 'end', 6],
  ['end', 'end', 1],
] as const)('of two news that come together, %s and %s, the larger is said, once', async (first, second, topics) => {
  const { retained, published, show } = aWorld()
  show(aView())

  retained.module(aModule(), first)
  retained.module(aModule(), second)
  await retained.settled()

  expect(published.filter(({ topic }) => topic.startsWith(stem))).toHaveLength(topics)
})

test('progress says four topics of a module, a change of what it is all six', async () => {
  const { retained, published, show } = aWorld()
  show(aView())

  retained.module(aModule(), 'progress')
  await retained.settled()
  expect(published).toHaveLength(4)
  retained.module(aModule(), 'identity')
  retained.module(aModule(), 'progress')
  await retained.settled()

  expect(published.slice(4).map(({ topic }) => topic)).toContain(`${stem}/availability`)
})

test('the end of a request ID is published where larger changes waited with it', async () => {
  for (const order of [['end', 'progress'] as const, ['progress', 'end'] as const]) {
    const { retained, show, kept } = aWorld({ now: () => start + 600_000 })
    show(aView())
    kept.set(`${stem}/request_id`, '670555852').set(`${stem}/manifest/pending`, '[{}]')

    for (const news of order) retained.module(aModule(), news)
    await retained.settled()

    expect([kept.has(`${stem}/request_id`), kept.get(`${stem}/manifest/pending`)]).toEqual([false, '[]'])
  }
})

test('a run without a request ID publishes the state and nothing unchanged', async () => {
  const { retained, show, topicsPublished } = aWorld({ now: () => start + 600_000 })
  show(aView())

  retained.module(aModule(), 'progress')
  await retained.settled()

  expect(topicsPublished()).toEqual([`${stem}/state`])
})
