/** The results of commands: which modules they request, and what the response says. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { barn, boat, commandFixture, hall, health, one, shed, two } from '../../support/command-fixture.ts'
import { aModule } from '../../support/samples.ts'

test('a command requests all modules of all accounts, or of one, with a new list', async () => {
  const fixture = commandFixture({ modules: [hall, barn, boat], accounts: [one, two] })

  const all = await fixture.request()
  await fixture.clock.advance(60_000)
  await fixture.request({ accountId: '9001' })

  expect(all).toMatchObject({ data: { requested: 3, reused: 0 } })
  expect(fixture.sent).toEqual([
    { account: '8021', list: true, names: ['Hall', 'Barn'] },
    { account: '9001', list: true, names: ['Boat'] },
    { account: '9001', list: true, names: ['Boat'] },
  ])
})

test('an account that is worked on alone is not listed twice in a minute either', async () => {
  const fixture = commandFixture({ modules: [hall] })

  for (const waitMs of [0, 31_000, 31_000]) {
    await fixture.clock.advance(waitMs)
    await fixture.requestAlone(one)
  }

  expect(fixture.sent.map(({ list }) => list)).toEqual([true, false, true])
})

test('a named network or module is requested alone, without a new list', async () => {
  const fixture = commandFixture()

  await fixture.request({ accountId: '8021', networkId: '44107' })
  await fixture.request({ accountId: '8021', networkId: '44108', syncModuleId: '7' })

  expect(fixture.sent).toEqual([
    { account: '8021', list: false, names: ['Hall', 'Barn'] },
    { account: '8021', list: false, names: ['Shed'] },
  ])
})

test('within half a minute a module answers with the ID it has', async () => {
  const fixture = commandFixture({ modules: [hall] })
  await fixture.request()

  await fixture.clock.advance(29_999)
  const early = await fixture.request()
  await fixture.clock.advance(1)
  const late = await fixture.request()

  expect(early).toMatchObject({
    data: { requested: 0, reused: 1, modules: [{ accepted: { requestId: '501' }, reused: true }] },
  })
  expect(late).toMatchObject({
    data: { requested: 1, reused: 0, modules: [{ accepted: { requestId: '502' } }] },
  })
  expect(fixture.sent).toHaveLength(2)
})

test('of several modules only those without a new ID are requested', async () => {
  const fixture = commandFixture()
  await fixture.request({ accountId: '8021', networkId: '44107', syncModuleId: '9' })

  const { data } = await fixture.request()

  expect(fixture.sent.at(-1)?.names).toEqual(['Hall', 'Shed'])
  expect(data).toMatchObject({ requested: 2, reused: 1 })
})

test('an ID that has expired, or lies ahead of a clock that was set back, is no answer', async () => {
  const short = commandFixture({ modules: [hall], ttlMs: 10_000 })
  await short.request()
  await short.clock.advance(10_000)
  expect(await short.request()).toMatchObject({ data: { requested: 1, reused: 0 } })

  const setBack = commandFixture({ modules: [hall] })
  await setBack.request()
  setBack.clock.setWall(setBack.clock.now() - 1)
  expect(await setBack.request()).toMatchObject({ data: { requested: 1, reused: 0 } })
})

test('when no module is known yet, all of the new list are requested', async () => {
  const fixture = commandFixture({ modules: [], unseen: [hall, barn] })

  await fixture.request({ accountId: '8021' })

  expect(fixture.sent).toEqual([{ account: '8021', list: true, names: ['Hall', 'Barn'] }])
})

test('an excluded module is not requested by command either', async () => {
  const fixture = commandFixture({ exclude: ['44108'] })

  await fixture.request()
  const named = await fixture.request({ accountId: '8021', networkId: '44108', syncModuleId: '7' })

  expect(fixture.sent.map(({ names }) => names)).toEqual([['Hall', 'Barn']])
  expect(named.error).toMatchObject({ code: 'unknown_target' })
})

test('an unknown target is an error that names the known ones', async () => {
  const fixture = commandFixture({ unidentified: ['environment-1'] })
  const message = async (target: Parameters<typeof fixture.request>[0]) =>
    (await fixture.request(target)).error

  expect(await message({ accountId: '1' })).toEqual({
    code: 'unknown_target',
    message: 'no such account; known are 8021, one not known yet',
  })
  expect(await message({ accountId: '8021', networkId: '5' })).toEqual({
    code: 'unknown_target',
    message: 'no such sync module; known are 8021/44107/350221, 8021/44107/9, 8021/44108/7',
  })
  expect((await commandFixture({ accounts: [] }).request({ accountId: '1' })).error?.message).toBe(
    'no such account; known are none',
  )
  expect(fixture.sent).toEqual([])
})

test('of a fleet a error names the first twenty', async () => {
  const fleet = Array.from({ length: 200 }, (_, number) => aModule({ syncModuleId: String(number + 1) }))
  const { error } = await commandFixture({ modules: fleet }).request({ accountId: '8021', networkId: '5' })

  expect(error?.message.split(',')).toHaveLength(20)
})

test('a rescan requests every account’s list and no module, and counts what is new', async () => {
  const changes = { found: [hall, barn], renamed: [shed], altered: [hall], gone: [] }
  const fixture = commandFixture({ modules: [hall, barn, shed, boat], accounts: [one, two], changes })

  const { data, error } = await fixture.rescan()

  expect(error).toBeUndefined()
  expect(data).toEqual({ verb: 'rescan', accounts: 2, modules: 4, found: 4, renamed: 2, gone: 0 })
  expect(fixture.sent).toEqual([
    { account: '8021', list: true, names: [] },
    { account: '9001', list: true, names: [] },
  ])
  expect(fixture.rescans()).toBe(1)
})

test('an account that cannot be requested is the error of a rescan and of a request', async () => {
  const failure = { code: 'account_throttled', message: 'a pause', retryable: false, retryAt: 5 }
  const fixture = commandFixture({ failure })
  const expected = { code: 'account_throttled', message: 'a pause', retryable: true, retryAt: 5 }

  expect((await fixture.rescan()).error).toEqual(expected)
  expect((await fixture.request()).error).toEqual(expected)
})

test('a pause covers what it names, is stored, and is reported at once', async () => {
  const fixture = commandFixture({ modules: [hall, barn, boat], accounts: [one, two], exclude: ['44107/9'] })

  const some = await fixture.handle({ verb: 'pause', target: { accountId: '8021', networkId: '44107' } })
  const all = await fixture.handle({ verb: 'resume', target: {} })

  expect(some).toEqual({ data: { verb: 'pause', modules: 1, paused: true } })
  expect(all).toEqual({ data: { verb: 'pause', modules: 2, paused: false } })
  expect(fixture.paused).toEqual([
    ['8021/44107', true],
    ['', false],
  ])
  expect(fixture.changed).toEqual([
    '8021/44107/350221 polling',
    '8021/44107/350221 polling',
    '9001/1/2 polling',
  ])
})

test('a pause of an unknown target, or that is not stored, is an error', async () => {
  const fixture = commandFixture()
  const stranger = await fixture.handle({ verb: 'pause', target: { accountId: '1' } })
  fixture.failing.pauses = new StoreFailed('cannot write paused.json', {})
  const unkept = await fixture.handle({ verb: 'pause', target: {} })

  expect(stranger.error?.code).toBe('unknown_target')
  expect(unkept.error).toEqual({
    code: 'store_failed',
    message: 'cannot write paused.json',
    retryable: true,
  })
  expect([...fixture.paused, ...fixture.changed]).toEqual([])
  const bug = new TypeError('a bug')
  fixture.failing.pauses = bug
  await expect(fixture.handle({ verb: 'resume', target: {} })).rejects.toBe(bug)
})

test('a disk that cannot be read is the error of each command that needs it', async () => {
  const fixture = commandFixture()
  fixture.failing.reads = new StoreFailed('cannot read state.db', {})

  const error = { code: 'store_failed', message: 'cannot read state.db', retryable: true }
  expect(await fixture.request()).toEqual({ error })
  expect(await fixture.rescan()).toEqual({ error })
  expect(await fixture.handle({ verb: 'pause', target: hall })).toEqual({ error })
  expect(await fixture.handle({ verb: 'options', logLevel: 'debug' })).toEqual({
    data: { verb: 'options', logLevel: 'debug' },
  })
})

test('the log level is changed when one is named, and returned in any case', async () => {
  const fixture = commandFixture()

  expect(await fixture.handle({ verb: 'options', logLevel: undefined })).toEqual({
    data: { verb: 'options', logLevel: 'info' },
  })
  expect(fixture.levels).toEqual([])
  expect(await fixture.handle({ verb: 'options', logLevel: 'debug' })).toEqual({
    data: { verb: 'options', logLevel: 'debug' },
  })

  expect(fixture.levels).toEqual(['debug'])
  expect(fixture.changed).toEqual(['log_level', 'log_level'])
  expect(await fixture.handle({ verb: 'health' })).toEqual({ data: { verb: 'health', health } })
})

test('clips/sync requests where manifests are followed, and is an error elsewhere', async () => {
  const on = commandFixture({ modules: [hall], followsManifests: true })
  const off = commandFixture({ modules: [hall] })
  const command = { verb: 'clips/sync', target: {} } as const

  expect(await on.handle(command)).toMatchObject({ data: { requested: 1 } })
  expect(await off.handle(command)).toMatchObject({ error: { code: 'not_enabled' } })
  expect(off.sent).toEqual([])
})
