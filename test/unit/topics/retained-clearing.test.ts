/** The retained topics of what is gone or not wanted, and of brokers that refuse or never answer. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { BlinkId, ModuleKey } from '../../../src/domain/model.ts'
import { retainedModuleTopics } from '../../../src/topics/topics.ts'
import { settle } from '../../support/fake-clock.ts'
import { anAccount, aSnapshot, noChanges, retainedFixture, stem } from '../../support/retained-fixture.ts'
import { aModule } from '../../support/samples.ts'

/** A reader whose documents are removed when the test says so. */
function slowReader() {
  const removals: { readonly what: ModuleKey | BlinkId; readonly done: () => void }[] = []
  const beforeClearing = (what: ModuleKey | BlinkId) =>
    new Promise<void>((done) => removals.push({ what, done }))
  return { reader: { beforeClearing }, removals }
}

test('the topics of a module that is gone are cleared, and stay so', async () => {
  const { retained, publishAll, published, kept, show, go, forgotten } = retainedFixture()
  show(aSnapshot())
  await publishAll()
  const before = published.length

  go()
  await retained.settled()
  await publishAll()

  const cleared = published.slice(before, before + 7)
  expect(cleared.map(({ topic }) => topic)).toEqual(retainedModuleTopics.map((name) => `${stem}/${name}`))
  expect(cleared.every(({ payload, retain }) => payload === '' && retain)).toBe(true)
  expect([...kept.keys()]).toEqual(['b/bridge/info', 'b/account/8021/state'])
  expect(forgotten).toEqual(['8021/44107/350221'])
})

test('topics are cleared when the document that reads them is removed, not before', async () => {
  const { reader, removals } = slowReader()
  const { retained, publishAll, kept, show, go, accounts, forgotten } = retainedFixture({ reader })
  show(aSnapshot())
  await publishAll()

  go()
  accounts.clear()
  retained.accountRemoved?.('8021')
  // Nobody waits for it.
  await publishAll()
  expect(removals.map(({ what }) => what)).toEqual(['8021', aModule()])
  expect([...kept.keys()]).toEqual(expect.arrayContaining([`${stem}/state`, 'b/account/8021/state']))
  expect(forgotten).toEqual([])

  for (const { done } of removals) done()
  await settle()
  expect([...kept.keys()]).toEqual(['b/bridge/info'])
  expect(forgotten).toEqual(['8021/44107/350221'])
})

test('a module that is back before its document is removed keeps its topics', async () => {
  const { reader, removals } = slowReader()
  const { retained, publishAll, kept, show, go } = retainedFixture({ reader })
  show(aSnapshot())
  await publishAll()
  go()
  await settle()
  show(aSnapshot())
  retained.modulesListed?.('8021', { ...noChanges, altered: [aModule()], found: [aModule()] })
  await settle()

  removals[0]?.done()
  await settle()
  expect([...kept.keys()]).toContain(`${stem}/state`)

  // When it is gone again, its document has to be removed again.
  go()
  await settle()
  expect(removals).toHaveLength(2)
  expect([...kept.keys()]).toContain(`${stem}/state`)
})

test('a document that storage cannot judge is removed later, the topics after it', async () => {
  const ends = [Promise.reject(new StoreFailed('cannot read state.db')), Promise.resolve()]
  const beforeClearing = () => ends.shift() ?? Promise.resolve()
  const { publishAll, kept, show, go, clock, failures } = retainedFixture({ reader: { beforeClearing } })
  show(aSnapshot())
  await publishAll()

  go()
  await clock.advance(29_999)
  expect([...kept.keys()]).toContain(`${stem}/state`)
  await clock.advance(1)

  expect([...kept.keys()]).not.toContain(`${stem}/state`)
  expect(failures).toEqual([])
})

test('a module that goes while its state waits to be published leaves nothing behind', async () => {
  const { retained, kept, show, go, leave, comeBack } = retainedFixture()
  show(aSnapshot())
  leave()
  retained.publish('bridge')
  await settle()
  await retained.publishAll()
  go()

  comeBack()
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith('b/sync'))).toEqual([])
})

test('a late report does not keep the topics of a module that is gone', async () => {
  const { retained, publishAll, kept, show, go, finish, leave, comeBack } = retainedFixture()
  show(aSnapshot())
  await publishAll()
  leave()
  // As many as may be in work, so that the rest waits.
  for (let id = 100; id < 132; id++) {
    show(aSnapshot(aModule({ accountId: '9000', syncModuleId: String(id) })))
  }
  retained.accountChanged?.(anAccount('9000'))
  await settle()

  go()
  retained.moduleChanged?.(aModule(), 'expired')
  finish()
  comeBack()
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith(stem))).toEqual([])
})

test('a gone module is forgotten when the broker has acknowledged all of its topics', async () => {
  const { forgotten, go, leave, acknowledge, abort } = retainedFixture()
  leave()
  go()
  await settle()
  expect(forgotten).toEqual([])

  acknowledge()
  await settle()
  expect(forgotten).toEqual(['8021/44107/350221'])

  go()
  await settle()
  abort.abort(new Error('stopped'))
  await settle()
  expect(forgotten).toHaveLength(1)
})

test('a gone module of which the broker refuses to clear a topic is not forgotten', async () => {
  const { retained, forgotten, refusing, go } = retainedFixture()
  refusing.add(`${stem}/state`)

  go()
  await retained.settled()
  expect(forgotten).toEqual([])

  refusing.clear()
  go()
  await retained.settled()
  expect(forgotten).toEqual(['8021/44107/350221'])
})

test('a module that is back before its clearing was acknowledged is shown', async () => {
  const { retained, kept, show, go, leave, comeBack } = retainedFixture()
  show(aSnapshot())
  leave()
  go()
  await settle()
  show(aSnapshot())
  retained.publish(aModule())

  comeBack()
  await retained.settled()

  expect(kept.get(`${stem}/availability`)).toBe('online')
})

test('a module that its owner no longer wants is cleared with its account', async () => {
  const { retained, publishAll, kept, show, hide, finish, published } = retainedFixture()
  show(aSnapshot())
  await publishAll()
  expect(published.length).toBeGreaterThan(6)

  hide(aModule())
  finish()
  retained.accountChanged?.(anAccount())
  await retained.settled()

  expect([...kept.keys()].filter((topic) => topic.startsWith('b/sync'))).toEqual([])
})

test('an account change publishes the modules of that account only', async () => {
  const { retained, show, topicsPublished } = retainedFixture()
  show(aSnapshot())
  show(aSnapshot(aModule({ accountId: '9000' })))

  retained.accountChanged?.(anAccount('9000'))
  await retained.settled()

  const modules = topicsPublished().filter((topic) => topic.startsWith('b/sync/'))
  expect(modules.every((topic) => topic.startsWith('b/sync/9000/'))).toBe(true)
  expect(modules).toHaveLength(6)
})

test('an account that was removed while the daemon was stopped loses its topic', async () => {
  const { publishAll, kept, accounts, inLedger } = retainedFixture()
  kept.set('b/account/8021/state', 'old')
  accounts.clear()
  inLedger.set('8021/44107/350221', aModule())

  await publishAll()

  expect([...kept.keys()]).toEqual(['b/bridge/info'])
})

test('a topic that the broker refuses is logged and holds up no other', async () => {
  const { publishAll, published, refusing, log, show } = retainedFixture()
  show(aSnapshot())
  refusing.add(`${stem}/info`).add('b/bridge/info')

  await publishAll()

  expect(published).toHaveLength(8)
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { topic: 'b/bridge/info', reason_code: 0x87 } },
    { level: 'warn', fields: { topic: `${stem}/info`, reason_code: 0x87 } },
  ])
})

test('where only work items are wanted, no topic of a module is published or cleared', async () => {
  const { retained, publishAll, show, go, finish, forgotten, topicsPublished } = retainedFixture({
    modulesToo: false,
  })
  show(aSnapshot())

  await publishAll()
  retained.accountChanged?.(anAccount())
  finish()
  retained.publish(aModule())
  go(aModule({ syncModuleId: '9' }))
  await retained.settled()

  expect(new Set(topicsPublished())).toEqual(new Set(['b/bridge/info', 'b/account/8021/state']))
  // Nothing of it is to be cleared.
  expect(forgotten).toEqual(['8021/44107/9'])
})

test('a request ID that expired without a connection is cleared on the next one', async () => {
  const { publishAll, kept, show, clock } = retainedFixture()
  await clock.advance(86_400_000)
  kept.set(`${stem}/request_id`, '670555852')
  show(aSnapshot())

  await publishAll()

  expect(kept.has(`${stem}/request_id`)).toBe(false)
})

test('a module without a request leaves no time of an older one behind', async () => {
  const { publishAll, kept, show } = retainedFixture()
  kept.set(`${stem}/requested_at`, '2026-11-22T09:00:00.000Z')
  const snapshot = aSnapshot()
  show({ ...snapshot, record: { ...snapshot.record, lastAccepted: undefined, recent: [] } })

  await publishAll()

  expect(kept.get(`${stem}/requested_at`)).toBeUndefined()
})
