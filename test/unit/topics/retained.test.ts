/** The retained topics: everything on each connection, in between the latest state of what has changed. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { ModuleSnapshot } from '../../../src/domain/model.ts'
import { retainedModuleTopics } from '../../../src/topics/topics.ts'
import { settle } from '../../support/fake-clock.ts'
import { anAccount, aSnapshot, retainedFixture, stem } from '../../support/retained-fixture.ts'
import { aModule, skipped, someClips } from '../../support/samples.ts'

test('on each connection everything is published', async () => {
  const { publishAll, kept, show, topicsPublished } = retainedFixture()
  show({ ...aSnapshot(), clips: someClips })
  show({ ...aSnapshot(aModule({ syncModuleId: '9' })), clips: someClips })

  await publishAll()
  const first = topicsPublished()
  await publishAll()

  expect(first).toHaveLength(2 + 2 * retainedModuleTopics.length)
  expect(topicsPublished().slice(first.length)).toEqual(first)
  expect([...kept.keys()].filter((topic) => topic.startsWith(`${stem}/`))).toHaveLength(7)
})

test('while the broker is away, the latest state of a module is published once', async () => {
  const { retained, published, kept, show, finish, leave, comeBack } = retainedFixture()
  leave()
  for (let other = 0; other < 40; other++) {
    const module = aModule({ syncModuleId: String(1_000 + other) })
    show(aSnapshot(module))
    finish(module)
  }
  await settle()
  for (const requestsTotal of [2, 3, 4]) {
    const snapshot = aSnapshot()
    show({ ...snapshot, record: { ...snapshot.record, requestsTotal } })
    finish()
  }
  await settle()

  comeBack()
  await retained.settled()

  expect(published.filter(({ topic }) => topic === `${stem}/state`)).toHaveLength(1)
  expect(JSON.parse(kept.get(`${stem}/state`) ?? '')).toMatchObject({ requests_total: 4 })
})

test('a change that comes while an older one is published is published after it', async () => {
  const { retained, kept, show, finish, leave, comeBack } = retainedFixture()
  show(aSnapshot())
  leave()
  finish()
  await settle()
  show({ ...aSnapshot(), paused: true })
  retained.moduleChanged?.(aModule(), 'polling')

  comeBack()
  await retained.settled()

  expect(JSON.parse(kept.get(`${stem}/state`) ?? '')).toMatchObject({ status: 'paused' })
})

test('a slow read does not put an older state over a newer one', async () => {
  const slow = Promise.withResolvers<ModuleSnapshot>()
  const reads = [slow.promise, Promise.resolve({ ...aSnapshot(), paused: true })]
  const status = { accounts: async () => [], account: async () => undefined, camera: async () => undefined }
  const { retained, kept, finish } = retainedFixture({
    status: { ...status, module: async () => reads.shift() },
  })
  finish()
  await settle()
  retained.moduleChanged?.(aModule(), 'polling')
  await settle()

  slow.resolve(aSnapshot())
  await retained.settled()

  expect(JSON.parse(kept.get(`${stem}/state`) ?? '')).toMatchObject({ status: 'paused' })
})

test('what waits is acknowledged at some time, however much comes meanwhile', async () => {
  const { retained, published, show, finish, leave, acknowledge } = retainedFixture()
  show(aSnapshot())
  leave()
  let isSettled = false
  void retained
    .publishAll()
    .then(() => retained.settled())
    .then(() => {
      isSettled = true
    })

  // Never a moment without a change.
  for (let round = 0; round < 10; round++) {
    finish()
    await settle()
    acknowledge()
  }

  expect(isSettled).toBe(true)
  expect(published.map(({ topic }) => topic)).toContain(`${stem}/info`)
})

test('modules that an account change adds are waited for, however slow their list is', async () => {
  const keys = Promise.withResolvers<readonly ReturnType<typeof aModule>[]>()
  const { retained, show, topicsPublished } = retainedFixture({
    ledger: { keysAndGone: () => keys.promise, forget: async () => undefined },
  })
  show(aSnapshot())
  retained.accountChanged?.(anAccount())
  const settled = retained.settled()
  await settle()

  keys.resolve([aModule()])
  await settled

  expect(topicsPublished()).toContain(`${stem}/availability`)
})

test('a publish that is never acknowledged holds up nothing else', async () => {
  const { retained, show, finish, leave, published } = retainedFixture()
  show(aSnapshot())
  leave()
  retained.settingsChanged?.('schedule')
  await settle()

  finish()
  await settle()
  retained.publish('8021')
  await settle()

  expect(published.map(({ topic }) => topic)).toContain(`${stem}/state`)
  expect(published.at(-1)?.topic).toBe('b/account/8021/state')
})

test.each([
  ['expired', 'polling', 4],
  ['polling', 'expired', 4],
  ['expired', 'discovered', 6],
  ['discovered', 'expired', 6],
  ['expired', 'expired', 1],
] as const)('of two changes, %s and %s, the larger is published once', async (first, second, topics) => {
  const { retained, published, show } = retainedFixture()
  show(aSnapshot())

  retained.moduleChanged?.(aModule(), first)
  retained.moduleChanged?.(aModule(), second)
  await retained.settled()

  expect(published.filter(({ topic }) => topic.startsWith(stem))).toHaveLength(topics)
})

test('an attempt publishes four topics of a module, a change of what it is all six', async () => {
  const { retained, published, show, finish } = retainedFixture()
  show(aSnapshot())

  finish()
  await retained.settled()
  expect(published).toHaveLength(4)
  retained.publish(aModule())
  finish()
  await retained.settled()

  expect(published.slice(4).map(({ topic }) => topic)).toContain(`${stem}/availability`)
})

test.each([
  [['expired', 'polling']],
  [['polling', 'expired']],
] as const)('an expired request ID is cleared with %s together', async (order) => {
  const { retained, show, kept, clock } = retainedFixture()
  await clock.advance(600_000)
  show(aSnapshot())
  kept.set(`${stem}/request_id`, '670555852').set(`${stem}/manifest/pending`, '[{}]')

  for (const change of order) retained.moduleChanged?.(aModule(), change)
  await retained.settled()

  expect([kept.has(`${stem}/request_id`), kept.get(`${stem}/manifest/pending`)]).toEqual([false, '[]'])
})

test('a run without a request ID publishes the state and nothing that is as it was', async () => {
  const { retained, show, finish, topicsPublished, clock } = retainedFixture()
  await clock.advance(600_000)
  show(aSnapshot())

  finish()
  await retained.settled()

  expect(topicsPublished()).toEqual([`${stem}/state`])
})

test('an excluded module publishes nothing', async () => {
  const { retained, topicsPublished, show } = retainedFixture()
  show(aSnapshot())

  retained.moduleFinished?.(skipped('excluded'), { tickId: '', trigger: 'schedule', budgetMs: 1 })
  await retained.settled()

  expect(topicsPublished()).toEqual([])
})

test('a clock that was set publishes when all modules are requested next', async () => {
  const { retained, topicsPublished, show } = retainedFixture()
  show(aSnapshot())

  retained.settingsChanged?.('clock')
  await retained.settled()

  expect(topicsPublished()).toEqual(expect.arrayContaining(['b/bridge/info', `${stem}/state`]))
})

test('modules that cannot be read are published half a minute later, logged once', async () => {
  let isBroken = true
  const { retained, show, finish, topicsPublished, log, clock, failures } = retainedFixture({
    status: {
      accounts: async () => [],
      account: async () => undefined,
      camera: async () => undefined,
      async module() {
        if (isBroken) throw new StoreFailed('cannot read state.db', { remedy: 'Is the disk there?' })
        return aSnapshot()
      },
    },
  })
  show(aSnapshot())
  finish()
  retained.moduleChanged?.(aModule({ syncModuleId: '9' }), 'polling')
  await clock.advance(60_000)
  expect(topicsPublished()).toEqual([])
  expect(log.lines).toMatchObject([{ level: 'error', fields: { remedy: 'Is the disk there?' } }])

  isBroken = false
  await clock.advance(30_000)

  expect(topicsPublished()).toContain(`${stem}/state`)
  expect(failures).toEqual([])
})

test('a list of modules that cannot be read is read again half a minute later', async () => {
  let isBroken = true
  const { publishAll, show, topicsPublished, clock, log } = retainedFixture({
    ledger: {
      async keysAndGone() {
        if (isBroken) throw new StoreFailed('cannot read state.db')
        return [aModule()]
      },
      forget: async () => undefined,
    },
  })
  show(aSnapshot())
  await publishAll()
  // What needs no list is published all the same.
  expect(topicsPublished()).toEqual(['b/bridge/info', 'b/account/8021/state'])
  expect(log.lines).toMatchObject([{ level: 'error' }])

  isBroken = false
  await clock.advance(30_000)

  expect(topicsPublished()).toContain(`${stem}/state`)
})

test('after the stop nothing more is published', async () => {
  const { retained, published, show, leave, abort } = retainedFixture()
  show(aSnapshot())
  leave()
  void retained.publishAll()
  await settle()
  const before = published.length

  abort.abort(new Error('stopped'))
  retained.publish('bridge')
  await retained.publishAll()
  await retained.settled()

  expect(published).toHaveLength(before)
})
