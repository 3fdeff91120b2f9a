/** What is promised of accounts: their credentials, their limits, and which of their modules are paused. */
import { expect, test, vi } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import type { LimitStore, Storage } from '../../../src/domain/ports.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { aModule, start } from '../samples.ts'
import { opened, type StoragePlace } from './place.ts'

function aCredential(differing: Partial<Credentials> = {}): Credentials {
  return {
    key: '8021-login-1',
    source: 'login',
    fingerprint: undefined,
    clientId: 'ios',
    refreshToken: new Secret('a-refresh-token'),
    accountId: '8021',
    region: 'e008',
    hardwareId: undefined,
    refusedAt: undefined,
    ...differing,
  }
}

const revealed = (all: readonly Credentials[]) =>
  all.map((one) => ({ ...one, refreshToken: one.refreshToken.reveal() }))

export function credentialsContract(newPlace: () => StoragePlace): void {
  test('credentials are kept over restarts, with all that is known of them', async () => {
    const place = await opened(newPlace())
    const full = aCredential({
      key: 'environment-ab12',
      source: 'environment',
      fingerprint: 'ab12',
      hardwareId: 'A-B',
      refusedAt: start,
      refusedFor: 'two_factor_required',
      refreshedAt: start - 1,
    })
    const bare = aCredential({ key: 'login-1', accountId: undefined, region: undefined })
    await place.storage.credentials.save(full)
    await place.storage.credentials.save(bare)

    const { credentials } = await place.reopen()

    expect(revealed(await credentials.list())).toEqual(revealed([full, bare]))
  })

  test('a rotated token takes the place of the old one', async () => {
    const { credentials } = (await opened(newPlace())).storage
    await credentials.save(aCredential())

    await credentials.save(aCredential({ refreshToken: new Secret('rotated') }))

    expect(revealed(await credentials.list())).toMatchObject([{ refreshToken: 'rotated' }])
  })

  test('a token that cannot be kept is an error, and the old one stays', async () => {
    const { storage, place } = await opened(newPlace())
    await storage.credentials.save(aCredential())
    place.refuseWrites()

    const saving = storage.credentials.save(aCredential({ refreshToken: new Secret('rotated') }))

    await expect(saving).rejects.toThrow(StoreFailed)
    place.acceptWrites()
    expect(revealed(await storage.credentials.list())).toEqual(revealed([aCredential()]))
  })

  test('forgotten credentials cannot be saved again, and their key is remembered', async () => {
    const place = await opened(newPlace())
    await place.storage.credentials.save(aCredential())
    await place.storage.credentials.save(aCredential({ key: 'other' }))

    await place.storage.credentials.forget('8021-login-1')
    await place.storage.credentials.forget('never-there')
    await place.storage.credentials.save(aCredential())

    const { credentials } = await place.reopen()
    expect((await credentials.list()).map(({ key }) => key)).toEqual(['other'])
    expect(await credentials.forgotten()).toEqual(new Set(['8021-login-1', 'never-there']))
  })

  test('the time of the last change grows with each change', async () => {
    const { credentials } = (await opened(newPlace())).storage
    const changes = [
      () => credentials.save(aCredential()),
      () => credentials.save(aCredential({ refreshToken: new Secret('rotated') })),
      () => credentials.forget('8021-login-1'),
    ]
    for (const change of changes) {
      const before = await credentials.changedAt()

      // Clocks of file systems tick only every few milliseconds.
      const grown = vi.waitUntil(async () => {
        await change()
        return (await credentials.changedAt()) > before
      })
      await expect(grown).resolves.toBe(true)
    }
  })
}

export function limitsContract(newPlace: () => StoragePlace): void {
  const spent = { day: 20_780, requests: 5, limit: 300 }
  const open = { failures: 3, openUntil: start + 1 }
  const allOf = (limits: LimitStore, account: string) =>
    Promise.all([limits.breaker(account), limits.spent(account), limits.moduleCount(account)])

  test('limits are kept over restarts, each account its own', async () => {
    const place = await opened(newPlace())
    await place.storage.limits.saveBreaker('8021', open)
    await place.storage.limits.saveBreaker('9000', closedBreaker)
    await place.storage.limits.saveSpent('8021', spent)
    await place.storage.limits.saveModuleCount('8021', 4)

    const { limits } = await place.reopen()

    expect(await allOf(limits, '8021')).toEqual([open, spent, 4])
    expect(await allOf(limits, '9000')).toEqual([closedBreaker, undefined, undefined])
    expect(await allOf(limits, '7')).toEqual([closedBreaker, undefined, undefined])
  })

  test('a limit that cannot be kept is an error', async () => {
    const { storage, place } = await opened(newPlace())
    place.refuseWrites()

    await expect(storage.limits.saveBreaker('8021', open)).rejects.toThrow(StoreFailed)
    await expect(storage.limits.saveSpent('8021', spent)).rejects.toThrow(StoreFailed)
    await expect(storage.limits.saveModuleCount('8021', 1)).rejects.toThrow(StoreFailed)
    place.acceptWrites()
  })

  test('limits of a key move to its account: the longer pause and the larger sum stay', async () => {
    const { limits } = (await opened(newPlace())).storage
    await limits.saveBreaker('login-1', { failures: 1, openUntil: start + 9 })
    await limits.saveBreaker('8021', open)
    await limits.saveSpent('login-1', { ...spent, requests: 2 })
    await limits.saveSpent('8021', spent)
    await limits.saveModuleCount('login-1', 2)

    await limits.move('login-1', '8021')

    expect(await allOf(limits, '8021')).toEqual([{ failures: 1, openUntil: start + 9 }, spent, 2])
    expect(await allOf(limits, 'login-1')).toEqual([closedBreaker, undefined, undefined])
  })

  test('limits of an account can be removed, those of others stay', async () => {
    const place = await opened(newPlace())
    for (const account of ['8021', '9000']) {
      await place.storage.limits.saveBreaker(account, open)
      await place.storage.limits.saveSpent(account, spent)
      await place.storage.limits.saveModuleCount(account, 4)
    }

    await place.storage.limits.remove('8021')
    await place.storage.limits.remove('7')

    const { limits } = await place.reopen()
    expect(await allOf(limits, '8021')).toEqual([closedBreaker, undefined, undefined])
    expect(await allOf(limits, '9000')).toEqual([open, spent, 4])
  })

  test("of two days' sums the newer moves, and moving nothing changes nothing", async () => {
    const { limits } = (await opened(newPlace())).storage
    const newer = { day: 20_781, requests: 1, limit: 300 }
    await limits.saveBreaker('8021', open)
    await limits.saveSpent('8021', spent)
    await limits.saveSpent('login-1', newer)

    await limits.move('login-1', '8021')
    await limits.move('login-2', '8021')

    expect([await limits.breaker('8021'), await limits.spent('8021')]).toEqual([open, newer])
  })
}

export function pausesContract(newPlace: () => StoragePlace): void {
  const hall = aModule()
  const barn = aModule({ networkId: '44108', syncModuleId: '9' })
  const other = aModule({ accountId: '80210' })
  const pausedOf = ({ pauses }: Storage) =>
    Promise.all([hall, barn, other].map((module) => pauses.isPaused(module)))

  test('nothing is paused at first', async () => {
    expect(await pausedOf((await opened(newPlace())).storage)).toEqual([false, false, false])
  })

  test.each([
    ['', [true, true, true]],
    ['8021', [true, true, false]],
    ['8021/44107', [true, false, false]],
    ['8021/44108/9', [false, true, false]],
  ])('a pause of scope "%s" covers what is in it, over restarts', async (scope, paused) => {
    const place = await opened(newPlace())

    await place.storage.pauses.set(scope, true)

    expect(await pausedOf(place.storage)).toEqual(paused)
    expect(await pausedOf(await place.reopen())).toEqual(paused)
  })

  test('one module can go on while all others are paused', async () => {
    const { storage } = await opened(newPlace())
    await storage.pauses.set('', true)

    await storage.pauses.set('8021/44107/350221', false)

    expect(await pausedOf(storage)).toEqual([false, true, true])
  })

  test('a wider scope overrules what was set inside it', async () => {
    const { storage } = await opened(newPlace())
    await storage.pauses.set('8021/44107/350221', true)
    await storage.pauses.set('80210', true)

    await storage.pauses.set('8021', false)

    expect(await pausedOf(storage)).toEqual([false, false, true])
  })

  test('pauses that are set at the same time are all kept', async () => {
    const place = await opened(newPlace())
    const { pauses } = place.storage

    await Promise.all(['8021/44107', '8021/44108', '80210'].map((scope) => pauses.set(scope, true)))

    expect(await pausedOf(place.storage)).toEqual([true, true, true])
    expect(await pausedOf(await place.reopen())).toEqual([true, true, true])
  })

  test('a pause that cannot be kept does not hold, nor stand in the way of the next', async () => {
    const { storage, place } = await opened(newPlace())
    place.refuseWrites()
    await expect(storage.pauses.set('8021', true)).rejects.toThrow(StoreFailed)
    place.acceptWrites()

    await storage.pauses.set('80210', true)

    expect(await pausedOf(storage)).toEqual([false, false, true])
  })
}
