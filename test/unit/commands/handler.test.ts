/** What commands come to: whom they make us ask, and what is answered. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { aHouse, barn, boat, hall, health, one, shed, two } from '../../support/obey-world.ts'
import { aModule } from '../../support/samples.ts'

test('all modules of all accounts are asked, with a new list; one account only its own', async () => {
  const house = aHouse({ modules: [hall, barn, boat], accounts: [one, two] })

  const all = await house.request()
  await house.clock.advance(60_000)
  await house.request({ accountId: '9001' })

  expect(all).toMatchObject({ data: { requested: 3, reused: 0 } })
  expect(house.asked).toEqual([
    { account: 'login-1', list: true, names: ['Hall', 'Barn'] },
    { account: 'login-2', list: true, names: ['Boat'] },
    { account: 'login-2', list: true, names: ['Boat'] },
  ])
})

test('a network or a module that is named is asked alone, and without a new list', async () => {
  const house = aHouse()

  await house.request({ accountId: '8021', networkId: '44107' })
  await house.request({ accountId: '8021', networkId: '44108', syncModuleId: '7' })

  expect(house.asked).toEqual([
    { account: 'login-1', list: false, names: ['Hall', 'Barn'] },
    { account: 'login-1', list: false, names: ['Shed'] },
  ])
})

test('within half a minute a module answers with the ID it has', async () => {
  const house = aHouse({ modules: [hall] })
  await house.request()

  await house.clock.advance(29_999)
  const early = await house.request()
  await house.clock.advance(1)
  const late = await house.request()

  expect(early).toMatchObject({
    data: { requested: 0, reused: 1, modules: [{ request_id_str: '501', reused: true }] },
  })
  expect(late).toMatchObject({ data: { requested: 1, reused: 0, modules: [{ request_id_str: '502' }] } })
  expect(house.asked).toHaveLength(2)
})

test('of several modules only those without a new ID are asked', async () => {
  const house = aHouse()
  await house.request({ accountId: '8021', networkId: '44107', syncModuleId: '9' })

  const { data } = await house.request()

  expect(house.asked.at(-1)?.names).toEqual(['Hall', 'Shed'])
  expect(data).toMatchObject({ requested: 2, reused: 1 })
})

test('an ID that has expired, or lies ahead of a clock that was set back, is no answer', async () => {
  const short = aHouse({ modules: [hall], ttlMs: 10_000 })
  await short.request()
  await short.clock.advance(10_000)
  expect(await short.request()).toMatchObject({ data: { requested: 1, reused: 0 } })

  const setBack = aHouse({ modules: [hall] })
  await setBack.request()
  setBack.clock.setWall(setBack.clock.now() - 1)
  expect(await setBack.request()).toMatchObject({ data: { requested: 1, reused: 0 } })
})

test('where no module is known yet, all that the new list shows are asked', async () => {
  const house = aHouse({ modules: [], unseen: [hall, barn] })

  await house.request({ accountId: '8021' })

  expect(house.asked).toEqual([{ account: 'login-1', list: true, names: ['Hall', 'Barn'] }])
})

test('a module that its owner has excluded is not asked by command either', async () => {
  const house = aHouse({ exclude: ['44108'] })

  await house.request()
  const named = await house.request({ accountId: '8021', networkId: '44108', syncModuleId: '7' })

  expect(house.asked.map(({ names }) => names)).toEqual([['Hall', 'Barn']])
  expect(named.refusal).toMatchObject({ code: 'unknown_target' })
})

test('what is not there is refused, with what there is', async () => {
  const house = aHouse({ accounts: [one, { loginKey: 'login-2', accountId: undefined }] })
  const message = async (target: Parameters<typeof house.request>[0]) => (await house.request(target)).refusal

  expect(await message({ accountId: '1' })).toEqual({
    code: 'unknown_target',
    message: 'no such account; known are 8021, one not known yet',
  })
  expect(await message({ accountId: '8021', networkId: '5' })).toEqual({
    code: 'unknown_target',
    message: 'no such sync module; known are 8021/44107/350221, 8021/44107/9, 8021/44108/7',
  })
  expect((await aHouse({ accounts: [] }).request({ accountId: '1' })).refusal?.message).toBe(
    'no such account; known are none',
  )
  expect(house.asked).toEqual([])
})

test('of a fleet a refusal names the first twenty', async () => {
  const fleet = Array.from({ length: 200 }, (_, number) => aModule({ syncModuleId: String(number + 1) }))
  const { refusal } = await aHouse({ modules: fleet }).request({ accountId: '8021', networkId: '5' })

  expect(refusal?.message.split(',')).toHaveLength(20)
})

test('a rescan asks every account for its list and no module, and counts what is new', async () => {
  const changes = { found: [hall, barn], renamed: [shed], altered: [hall], gone: [] }
  const house = aHouse({ modules: [hall, barn, shed, boat], accounts: [one, two], changes })

  const { data, refusal } = await house.rescan()

  expect(refusal).toBeUndefined()
  expect(data).toEqual({ accounts: 2, modules: 4, found: 4, renamed: 2, gone: 0 })
  expect(house.asked).toEqual([
    { account: 'login-1', list: true, names: [] },
    { account: 'login-2', list: true, names: [] },
  ])
  expect(house.rescans()).toBe(1)
})

test('an account that cannot be asked is the answer of a rescan and of a request', async () => {
  const failure = { code: 'account_throttled', message: 'a pause', retryable: false, retryAt: 5 }
  const house = aHouse({ failure })
  const expected = { code: 'account_throttled', message: 'a pause', retryable: true, retryAt: 5 }

  expect((await house.rescan()).refusal).toEqual(expected)
  expect((await house.request()).refusal).toEqual(expected)
})

test('a pause covers what it names, is kept, and is seen at once', async () => {
  const house = aHouse({ modules: [hall, barn, boat], accounts: [one, two], exclude: ['44107/9'] })

  const some = await house.obey({ verb: 'pause', target: { accountId: '8021', networkId: '44107' } })
  const all = await house.obey({ verb: 'resume', target: {} })

  expect(some).toEqual({ data: { modules: 1, paused: true } })
  expect(all).toEqual({ data: { modules: 2, paused: false } })
  expect(house.paused).toEqual([
    ['8021/44107', true],
    ['', false],
  ])
  expect(house.republished).toEqual([
    '8021/44107/350221 progress',
    '8021/44107/350221 progress',
    '9001/1/2 progress',
  ])
})

test('a pause of what is not there, or that the disk does not keep, is refused', async () => {
  const house = aHouse()
  const stranger = await house.obey({ verb: 'pause', target: { accountId: '1' } })
  house.pausesFail(new StoreFailed('cannot write paused.json', {}))
  const unkept = await house.obey({ verb: 'pause', target: {} })

  expect(stranger.refusal?.code).toBe('unknown_target')
  expect(unkept.refusal).toEqual({
    code: 'store_failed',
    message: 'cannot write paused.json',
    retryable: true,
  })
  expect([...house.paused, ...house.republished]).toEqual([])
  const bug = new TypeError('a bug')
  house.pausesFail(bug)
  await expect(house.obey({ verb: 'resume', target: {} })).rejects.toBe(bug)
})

test('a disk that cannot be read refuses each command that needs it, and ends nothing', async () => {
  const house = aHouse()
  house.readsFail(new StoreFailed('cannot read state.db', {}))

  const refusal = { code: 'store_failed', message: 'cannot read state.db', retryable: true }
  expect(await house.request()).toEqual({ refusal })
  expect(await house.rescan()).toEqual({ refusal })
  expect(await house.obey({ verb: 'pause', target: hall })).toEqual({ refusal })
  expect(await house.obey({ verb: 'options', logLevel: 'debug' })).toEqual({ data: { log_level: 'debug' } })
})

test('the log level is changed when one is named, and told in any case', async () => {
  const house = aHouse()

  expect(await house.obey({ verb: 'options', logLevel: undefined })).toEqual({ data: { log_level: 'info' } })
  expect(house.levels).toEqual([])
  expect(await house.obey({ verb: 'options', logLevel: 'debug' })).toEqual({ data: { log_level: 'debug' } })

  expect(house.levels).toEqual(['debug'])
  expect(house.republished).toEqual(['bridge', 'bridge'])
  expect(await house.obey({ verb: 'health' })).toEqual({ data: health })
})
