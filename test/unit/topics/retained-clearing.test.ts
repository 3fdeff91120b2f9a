/** The retained topics of modules that are gone or not wanted, and of brokers that refuse or never answer. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { plain, retainedModuleTopics } from '../../../src/topics/topics.ts'
import { settle } from '../../support/fake-clock.ts'
import { aView, aWorld, online, stem } from '../../support/retained-world.ts'
import { aModule, start } from '../../support/samples.ts'

test('the topics of a gone module are cleared, and stay so when republished', async () => {
  const { retained, published, kept, show, forget } = aWorld()
  show(aView())
  retained.all()
  await retained.settled()
  const before = published.length

  forget(aModule())
  retained.clear(aModule())
  await retained.settled()
  retained.all()
  await retained.settled()

  const cleared = published.slice(before, before + 6)
  expect(cleared.map(({ topic }) => topic)).toEqual(retainedModuleTopics.map((name) => `${stem}/${name}`))
  expect(cleared.every(({ payload, retain }) => payload === '' && retain)).toBe(true)
  expect([...kept.keys()]).toEqual(['b/bridge/info', 'b/account/8021/state', 'b/bridge/state'])
})

test('nothing is cleared while somebody still reads it', async () => {
  let unread = false
  const reading = { moduleUnread: () => unread, accountUnread: () => unread, modules: () => [aModule()] }
  const { retained, kept } = aWorld({ ...reading, account: (id) => plain(`b/account/${id}/state`, '') })
  kept.set(`${stem}/state`, '{}').set('b/account/8021/state', '{}')

  retained.clear(aModule())
  retained.all()
  await retained.settled()
  expect([...kept.keys()]).toEqual(expect.arrayContaining([`${stem}/state`, 'b/account/8021/state']))

  unread = true
  retained.module(aModule(), 'identity')
  retained.account('8021')
  await retained.settled()
  expect([...kept.keys()]).toEqual(['b/bridge/info', 'b/bridge/state'])
})

test('a module that goes while its news are still waiting leaves nothing behind', async () => {
  const { retained, kept, show, forget, leave, comeBack } = aWorld()
  show(aView())
  leave()
  retained.bridge()
  await settle()
  retained.all()
  forget(aModule())
  retained.clear(aModule())

  comeBack()
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith('b/sync'))).toEqual([])
})

test('the end of a request ID does not keep the topics of a module that is gone', async () => {
  const { retained, kept, show, forget, leave, comeBack } = aWorld()
  const busy = aModule({ syncModuleId: '9' })
  for (const module of [aModule(), busy]) show(aView(module))
  retained.all()
  await retained.settled()
  leave()
  // As many as may be under way, so that the rest waits.
  for (let id = 100; id < 132; id++) show(aView(aModule({ accountId: '9000', syncModuleId: String(id) })))
  retained.modulesOf('9000')
  await settle()

  forget(aModule())
  retained.clear(aModule())
  retained.module(aModule(), 'end')
  retained.module(aModule(), 'progress')
  comeBack()
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith(stem))).toEqual([])
})

test('a module counts as cleared when the broker has acknowledged all of it', async () => {
  const { retained, clearings, leave, acknowledge, abort } = aWorld()
  leave()
  retained.clear(aModule())
  await settle()
  expect(clearings).toEqual([])

  acknowledge()
  await settle()
  expect(clearings).toEqual(['8021/44107/350221'])

  retained.clear(aModule())
  await settle()
  abort.abort(new Error('stopped'))
  await settle()
  expect(clearings).toHaveLength(1)
})

test('a module of which the broker refuses to clear a topic does not count as cleared', async () => {
  const { retained, clearings, refusing } = aWorld()
  refusing.add(`${stem}/state`)

  retained.clear(aModule())
  await retained.settled()
  expect(clearings).toEqual([])

  refusing.clear()
  retained.clear(aModule())
  await retained.settled()
  expect(clearings).toEqual(['8021/44107/350221'])
})

test('a module that is back before its clearing was acknowledged is shown', async () => {
  const { retained, kept, show, forget, leave, comeBack } = aWorld()
  show(aView())
  leave()
  forget(aModule())
  retained.clear(aModule())
  await settle()
  show(aView())
  retained.module(aModule(), 'identity')

  comeBack()
  await retained.settled()

  expect(kept.get(`${stem}/availability`)).toBe('online')
})

test('a module that its owner no longer wants is cleared on the next connection', async () => {
  const { retained, kept, show, forget, published } = aWorld({ modules: () => [aModule()] })
  show(aView())
  retained.all()
  await retained.settled()
  expect(published.length).toBeGreaterThan(6)

  forget(aModule())
  retained.module(aModule(), 'progress')
  retained.modulesOf('8021')
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith('b/sync'))).toEqual([])
})

test('the modules of another account are left in peace', async () => {
  const { retained, show, topicsPublished } = aWorld()
  show(aView())
  show(aView(aModule({ accountId: '9000' })))

  retained.modulesOf('9000')
  await retained.settled()

  expect(topicsPublished().every((topic) => topic.startsWith('b/sync/9000/'))).toBe(true)
  expect(topicsPublished()).toHaveLength(6)
})

test('a topic that the broker refuses is told of in the log and holds up no other', async () => {
  const { retained, published, refusing, log, show } = aWorld()
  show(aView())
  refusing.add(`${stem}/info`).add('b/bridge/info')

  retained.all()
  await retained.settled()

  expect(published).toHaveLength(9)
  expect(published.at(-1)).toEqual(online)
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { topic: 'b/bridge/info', reason_code: 0x87 } },
    { level: 'warn', fields: { topic: `${stem}/info`, reason_code: 0x87 } },
  ])
})

test('where only work items are wanted, no module topic is published or cleared', async () => {
  const { retained, show, clearings, topicsPublished } = aWorld({ modulesToo: false })
  show(aView())

  retained.all()
  retained.modulesOf('8021')
  retained.module(aModule(), 'progress')
  retained.module(aModule(), 'identity')
  retained.clear(aModule({ syncModuleId: '9' }))
  await retained.settled()

  expect(topicsPublished()).toEqual(['b/bridge/info', 'b/account/8021/state', 'b/bridge/state'])
  // Nothing of it is to be cleared.
  expect(clearings).toEqual(['8021/44107/9'])
})

test('a request ID that expired while offline is cleared when all is republished', async () => {
  const day = 86_400_000
  const { retained, kept, show } = aWorld({ now: () => start + day })
  kept.set(`${stem}/request_id`, '670555852')
  show(aView())

  retained.all()
  await retained.settled()

  expect(kept.has(`${stem}/request_id`)).toBe(false)
})

test('a module without a request publishes no time of an older one', async () => {
  const { retained, kept, show } = aWorld()
  kept.set(`${stem}/requested_at`, '2026-11-22T09:00:00.000Z')
  const view = aView()
  show({ ...view, record: { ...view.record, lastAccepted: undefined, recent: [] } })

  retained.all()
  await retained.settled()

  expect(kept.get(`${stem}/requested_at`)).toBeUndefined()
})

test('modules that cannot be read from disk do not keep the bridge offline', async () => {
  const { retained, published, log } = aWorld({
    modules: () => {
      throw new StoreFailed('cannot read state.db')
    },
  })

  retained.all()
  await retained.settled()

  expect(published.at(-1)).toEqual(online)
  expect(log.lines).toMatchObject([{ level: 'error' }])
})

test('past accounts that cannot be read from disk do not hold up the others', async () => {
  const { retained, published, topicsPublished, log } = aWorld({
    *accounts() {
      yield '8021'
      throw new StoreFailed('cannot read state.db')
    },
  })

  retained.all()
  await retained.settled()

  expect(topicsPublished()).toContain('b/account/8021/state')
  expect(published.at(-1)).toEqual(online)
  expect(log.lines).toMatchObject([{ level: 'error' }])
})

test('an account without anything to say says nothing', async () => {
  const { retained, topicsPublished } = aWorld({ account: () => undefined })

  retained.account('8021')
  await retained.settled()

  expect(topicsPublished()).toEqual([])
})

test('told to stop, nothing more is said, the birth least of all', async () => {
  const { retained, published, show, leave, abort } = aWorld()
  show(aView())
  leave()
  retained.all()
  await settle()
  const before = published.length

  abort.abort(new Error('stopped'))
  retained.bridge()
  retained.all()
  await retained.settled()

  expect(published).toHaveLength(before)
})
