/**
 * What every implementation of storage promises: each port of `Storage`, before and after it is opened again.
 *
 * What happens to damaged files, locks and modes is a matter of one implementation, and is tested beside it.
 */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { StoreFailed } from '../../src/domain/errors.ts'
import { type Credentials, keyOf, type ModuleKey, type WorkItem } from '../../src/domain/model.ts'
import type { LimitStore, Storage } from '../../src/domain/ports.ts'
import { closedBreaker } from '../../src/domain/retry-policy.ts'
import { Secret } from '../../src/domain/secret.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { aModule, anItem, failed, newRecord, requested, skipped, start } from './samples.ts'

/** Where one storage is kept. */
export interface StoragePlace {
  open(clock: FakeClock): Promise<Storage>
  /** From now on every write fails, and what is open can still be read as far as it can be without its place. */
  refuseWrites(): void
  acceptWrites(): void
}

/** Storage of one place, which can be opened again. */
async function opened(place: StoragePlace) {
  const clock = fakeClock()
  let storage = await place.open(clock)
  onTestFinished(() => storage.close())
  return {
    clock,
    place,
    get storage() {
      return storage
    },
    async reopen() {
      await storage.close()
      storage = await place.open(clock)
      return storage
    },
  }
}

const inOutbox = async ({ outbox }: Storage, limit = 10_000, except: readonly string[] = []) =>
  (await outbox.waiting(limit, except)).map(({ seq, event }) => ({ seq, item: event.body }))
const idsIn = async (storage: Storage, limit?: number, except?: readonly string[]) =>
  (await inOutbox(storage, limit, except)).map(({ item }) => item.requestId)
const numbersIn = async (storage: Storage) => (await inOutbox(storage)).map(({ seq }) => seq)

const add = (storage: Storage, differing: Partial<WorkItem>) =>
  storage.ledger.record(requested(anItem(differing)))
async function addAll(storage: Storage, ...requestIds: readonly string[]) {
  for (const requestId of requestIds) await add(storage, { requestId })
}

const modulesOf = (keys: readonly ModuleKey[]) => keys.map(({ syncModuleId }) => syncModuleId).sort()

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

/** Describes the promises of `Storage` for one implementation; `newPlace` makes an empty place. */
export function storageContract(name: string, newPlace: () => StoragePlace): void {
  describe(name, () => {
    describe('ledger', () => ledgerContract(newPlace))
    describe('outbox', () => outboxContract(newPlace))
    describe('credentials', () => credentialsContract(newPlace))
    describe('limits', () => limitsContract(newPlace))
    describe('pauses', () => pausesContract(newPlace))
    describe('other state', () => otherContract(newPlace))
  })
}

function ledgerContract(newPlace: () => StoragePlace): void {
  test('an unknown module has no record', async () => {
    const { ledger } = (await opened(newPlace())).storage

    expect(await ledger.read(aModule())).toBeUndefined()
    expect(await ledger.lastAccepted(aModule())).toBeUndefined()
    expect(await ledger.modulesOf('8021')).toEqual([])
    expect([await ledger.keys(), await ledger.keysAndGone(), await ledger.count()]).toEqual([[], [], 0])
  })

  test('an accepted request is in the record and in the outbox', async () => {
    const { storage } = await opened(newPlace())
    const { ledger } = storage

    const module = aModule()
    const progress = await ledger.record(requested(anItem(), module))

    const { requestId, trigger, requestedAt, expiresAt } = anItem()
    const lastAccepted = { requestId, trigger, requestedAt, expiresAt }
    expect(progress).toMatchObject({ requestsTotal: 1, lastOutcome: 'requested', lastAccepted })
    expect(await ledger.read(module)).toEqual({ module, missing: 0, ...progress, recent: [anItem()] })
    expect(await ledger.lastAccepted(aModule())).toEqual(lastAccepted)
    expect((await inOutbox(storage)).map(({ item }) => item)).toEqual([anItem()])
  })

  test('failed and skipped attempts are in the record and not in the outbox', async () => {
    const { storage } = await opened(newPlace())

    await storage.ledger.record(failed())
    await storage.ledger.record(skipped('offline', { outcome: 'offline' }))

    expect(await storage.ledger.read(aModule())).toMatchObject({
      failuresInARow: 1,
      lastOutcome: 'offline',
      lastSkip: { reason: 'offline', repeated: false },
    })
    expect(await storage.outbox.count()).toBe(0)
  })

  test('a module first seen by its attempt starts with a new record', async () => {
    const { ledger } = (await opened(newPlace())).storage

    await ledger.record(skipped())

    const lastSkip = { reason: 'paused', repeated: false }
    expect(await ledger.read(aModule())).toEqual({
      ...newRecord(aModule()),
      lastOutcome: 'skipped',
      lastSkip,
    })
  })

  test('an attempt that cannot be stored is shown as failed, until one is stored', async () => {
    const { storage, place } = await opened(newPlace())
    const { ledger, outbox } = storage
    await addAll(storage, '501')
    const arrivals: unknown[] = []
    outbox.onArrival((added) => arrivals.push(added))
    place.refuseWrites()

    await expect(add(storage, { requestId: '502' })).rejects.toThrow(StoreFailed)

    expect(await ledger.read(aModule())).toMatchObject({
      lastOutcome: 'error',
      lastFailure: { code: 'store_failed' },
      lastAccepted: { requestId: '501' },
      failuresInARow: 1,
      requestsTotal: 1,
    })
    expect([await idsIn(storage), arrivals]).toEqual([['501'], []])

    place.acceptWrites()
    await add(storage, { requestId: '503' })
    expect(await ledger.read(aModule())).toMatchObject({
      lastOutcome: 'requested',
      failuresInARow: 0,
      requestsTotal: 2,
    })
    expect(await idsIn(storage)).toEqual(['501', '503'])
    expect(arrivals).toHaveLength(1)
  })

  test('the same list again proves that an answer could be stored', async () => {
    const { storage, place } = await opened(newPlace())
    const { ledger } = storage
    await ledger.seen('8021', [aModule()])
    place.refuseWrites()

    await expect(ledger.seen('8021', [aModule()])).rejects.toThrow(StoreFailed)

    place.acceptWrites()
    await ledger.seen('8021', [aModule()])
    expect(ledger.trouble).toBeUndefined()
  })

  test('everything is there after a restart', async () => {
    const place = await opened(newPlace())
    const { ledger } = place.storage
    const other = aModule({ syncModuleId: '9', serial: undefined, storage: undefined })
    await ledger.seen('8021', [aModule(), other])
    await ledger.record(requested())
    await ledger.record(failed({ at: start + 1_000 }))
    const before = await ledger.read(aModule())

    const storage = await place.reopen()

    expect(await storage.ledger.read(aModule())).toEqual(before)
    expect(await storage.ledger.read(other)).toEqual(newRecord(other))
    expect((await inOutbox(storage)).map(({ item }) => item)).toEqual([anItem()])
  })

  test('a new list keeps counters and names what was found and renamed', async () => {
    const { storage } = await opened(newPlace())
    const { ledger } = storage
    const first = await ledger.seen('8021', [aModule()])
    await ledger.record(requested())
    const renamed = aModule({ name: 'Corridor' })

    const second = await ledger.seen('8021', [renamed])

    expect(first).toEqual({ found: [aModule()], renamed: [], altered: [aModule()], gone: [] })
    expect(second).toEqual({ found: [], renamed: [renamed], altered: [renamed], gone: [] })
    expect(await ledger.read(aModule())).toMatchObject({ module: renamed, requestsTotal: 1 })
  })

  test('a module that three lists miss is gone, restarts or not', async () => {
    const place = await opened(newPlace())
    await place.storage.ledger.seen('8021', [aModule()])
    await place.storage.ledger.seen('8021', [])

    const { ledger } = await place.reopen()

    expect((await ledger.seen('8021', [])).gone).toEqual([])
    expect(await ledger.modulesOf('8021')).toEqual([aModule()])
    expect((await ledger.seen('8021', [])).gone).toEqual([aModule()])
    expect([await ledger.keys(), await ledger.modulesOf('8021')]).toEqual([[], []])
  })

  test('a gone module is remembered until it is forgotten', async () => {
    const place = await opened(newPlace())
    const other = aModule({ syncModuleId: '9' })
    await place.storage.ledger.seen('8021', [aModule(), other])
    for (let list = 0; list < 4; list++) await place.storage.ledger.seen('8021', [other])
    const { ledger } = await place.reopen()

    expect(modulesOf(await ledger.keysAndGone())).toEqual(['350221', '9'])
    expect(modulesOf(await ledger.keysAndGone('8021'))).toEqual(['350221', '9'])
    expect([modulesOf(await ledger.keys()), modulesOf(await ledger.keys('8021'))]).toEqual([['9'], ['9']])
    expect([await ledger.count(), await ledger.read(aModule())]).toEqual([1, undefined])

    await ledger.forget(aModule())
    await ledger.forget(other)
    expect(modulesOf(await ledger.keysAndGone())).toEqual(['9'])
    expect((await ledger.seen('8021', [aModule(), other])).found).toEqual([aModule()])
  })

  test("one account's list leaves another account's modules alone", async () => {
    const { ledger } = (await opened(newPlace())).storage
    const theirs = aModule({ accountId: '9000' })
    await ledger.seen('9000', [theirs])

    for (let list = 0; list < 4; list++) await ledger.seen('8021', list === 0 ? [aModule()] : [])

    expect(await ledger.modulesOf('9000')).toEqual([theirs])
    expect((await ledger.keys('9000')).map(keyOf)).toEqual(['9000/44107/350221'])
    expect(await ledger.keys('8021')).toEqual([])
  })

  test('names of any kind come back as they were', async () => {
    const { ledger } = (await opened(newPlace())).storage
    const hostile = aModule({ name: "\0'; DROP TABLE modules;--\ud800 😀", networkName: '\n"\\' })

    await ledger.seen('8021', [hostile])

    expect(await ledger.modulesOf('8021')).toEqual([hostile])
  })

  test('a record lists the newest fifty request IDs that had not expired', async () => {
    const { storage } = await opened(newPlace())
    const listed = async () =>
      (await storage.ledger.read(aModule()))?.recent.map(({ requestId }) => Number(requestId))
    for (let number = 0; number < 60; number++) {
      await add(storage, { requestId: String(number), requestedAt: start + number })
    }
    expect(await listed()).toEqual(Array.from({ length: 50 }, (_, index) => index + 10))

    await add(storage, { requestId: '99', requestedAt: start + 600_058 })

    expect(await listed()).toEqual([59, 99])
  })

  test('ten thousand requests made at once are kept in their order', async () => {
    const { storage } = await opened(newPlace())
    const ids = Array.from({ length: 10_000 }, (_, index) => String(1_000 + index))

    await Promise.all(ids.map((id) => add(storage, { syncModuleId: id, requestId: id })))

    expect(await storage.outbox.count()).toBe(10_000)
    expect(await idsIn(storage)).toEqual(ids)
    expect(await storage.ledger.keys('8021')).toHaveLength(10_000)
    expect(await storage.ledger.read(aModule({ syncModuleId: '5000' }))).toMatchObject({ requestsTotal: 1 })
  })

  test('the next expiry is that of the oldest live request ID, acknowledged or not', async () => {
    const { storage } = await opened(newPlace())
    const { ledger, outbox } = storage
    expect(await ledger.nextExpiry(start)).toBeUndefined()

    await add(storage, { requestId: '1', expiresAt: start + 5 })
    await add(storage, { requestId: '2', expiresAt: start + 9 })
    await outbox.remove((await numbersIn(storage)).slice(0, 1))

    expect(await ledger.nextExpiry(start)).toBe(start + 5)
    expect(await ledger.nextExpiry(start + 5)).toBe(start + 9)
    expect(await ledger.nextExpiry(start + 9)).toBeUndefined()
  })

  test('expired request IDs are deleted once acknowledged, and name their modules', async () => {
    const { storage } = await opened(newPlace())
    const { ledger, outbox } = storage
    for (const syncModuleId of ['1', '1', '2']) await add(storage, { syncModuleId, expiresAt: start })
    await add(storage, { syncModuleId: '3', expiresAt: start + 1 })
    expect([await ledger.deleteExpired(start), await ledger.nextExpiry(start - 1)]).toEqual([[], start])

    await outbox.remove(await numbersIn(storage))

    expect((await ledger.deleteExpired(start)).map(keyOf)).toEqual(['8021/44107/1', '8021/44107/2'])
    expect(await ledger.deleteExpired(start)).toEqual([])
    const recent = async (syncModuleId: string) => (await ledger.read(aModule({ syncModuleId })))?.recent
    expect([await recent('1'), await recent('3')]).toEqual([[], [expect.anything()]])
  })

  test('a module never shows the request ID of another, restart and old clock or not', async () => {
    const place = await opened(newPlace())
    await add(place.storage, { requestId: '1' })
    await place.storage.outbox.remove(await numbersIn(place.storage))
    await place.storage.ledger.deleteExpired(start + 700_000)

    const storage = await place.reopen()
    await add(storage, { syncModuleId: '9' })

    expect((await storage.ledger.read(aModule()))?.recent).toEqual([])
    expect((await storage.ledger.read(aModule({ syncModuleId: '9' })))?.recent).toHaveLength(1)
  })
}

function outboxContract(newPlace: () => StoragePlace): void {
  test('items wait oldest first, as many as are wanted', async () => {
    const { storage } = await opened(newPlace())
    await addAll(storage, '1', '2', '3', '4')

    expect(await idsIn(storage, 3)).toEqual(['1', '2', '3'])
    expect(await idsIn(storage, 0)).toEqual([])
    expect(await storage.outbox.count()).toBe(4)
  })

  test('the items of excepted modules are passed over', async () => {
    const { storage } = await opened(newPlace())
    await addAll(storage, '1', '2')
    await add(storage, { requestId: '3', syncModuleId: '9' })

    expect(await idsIn(storage, 1, [keyOf(anItem())])).toEqual(['3'])
  })

  test('an item comes back as it was, all digits of its ids included', async () => {
    const place = await opened(newPlace())
    await addAll(place.storage, '9223372036854775807')

    const [first] = await inOutbox(await place.reopen())

    expect(first?.item).toEqual(anItem({ requestId: '9223372036854775807' }))
  })

  test('a removed item is gone for good, and its number is not given out again', async () => {
    const place = await opened(newPlace())
    await addAll(place.storage, '1', '2')
    const [first = 0, second = 0] = await numbersIn(place.storage)
    await place.storage.outbox.remove([second])
    await place.storage.outbox.remove([second])

    await addAll(place.storage, '3')

    const [, third = 0] = await numbersIn(place.storage)
    expect(third).toBeGreaterThan(second)
    expect(await idsIn(place.storage)).toEqual(['1', '3'])
    expect(await numbersIn(await place.reopen())).toEqual([first, third])
  })

  test('expired items are deleted and counted, those the broker may have are not', async () => {
    const { storage } = await opened(newPlace())
    const ends = [start - 1, start - 1, start, start + 1]
    for (const [index, expiresAt] of ends.entries()) await add(storage, { requestId: `${index}`, expiresAt })
    const [first = 0] = await numbersIn(storage)

    expect(await storage.outbox.sweep(start, new Set([first]))).toEqual(new Map([['manifest_requested', 2]]))

    expect(await idsIn(storage)).toEqual(['0', '3'])
    expect(await storage.outbox.sweep(start, [first])).toEqual(new Map())
  })

  test('all of many expired items are deleted, behind live ones as well', async () => {
    const { storage } = await opened(newPlace())
    await addAll(storage, '1', '2')
    const many = Array.from({ length: 1_200 }, (_, index) => String(10 + index))
    await Promise.all(many.map((requestId) => add(storage, { requestId, expiresAt: start })))

    expect(await storage.outbox.sweep(start, [])).toEqual(new Map([['manifest_requested', 1_200]]))

    expect(await idsIn(storage)).toEqual(['1', '2'])
  })

  test('a listener is called with each item once it is stored, in order', async () => {
    const { storage } = await opened(newPlace())
    const seen: Promise<unknown>[] = []
    storage.outbox.onArrival((added) =>
      seen.push(
        idsIn(storage).then((ids) => [added.event.body.requestId, ids.includes(added.event.body.requestId)]),
      ),
    )

    await Promise.all(['1', '2', '3'].map((requestId) => add(storage, { requestId })))

    expect(await Promise.all(seen)).toEqual([
      ['1', true],
      ['2', true],
      ['3', true],
    ])
  })

  test('a listener that ended is not called, the others still are', async () => {
    const { storage } = await opened(newPlace())
    const called: string[] = []
    const end = storage.outbox.onArrival(() => called.push('first'))
    storage.outbox.onArrival(() => called.push('second'))
    await addAll(storage, '1')

    end()
    await addAll(storage, '2')

    expect(called).toEqual(['first', 'second', 'second'])
  })
}

function credentialsContract(newPlace: () => StoragePlace): void {
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

function limitsContract(newPlace: () => StoragePlace): void {
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

function pausesContract(newPlace: () => StoragePlace): void {
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

function otherContract(newPlace: () => StoragePlace): void {
  test('an installation has one id and one hardware id, over restarts', async () => {
    const place = await opened(newPlace())
    const { installId, hardwareId } = place.storage.installation

    expect(installId).toMatch(/^[0-9a-f]{8}$/)
    expect(hardwareId).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/)
    expect((await place.reopen()).installation).toEqual({ installId, hardwareId })
  })

  test('a start is known for an hour, over restarts', async () => {
    const place = await opened(newPlace())
    await Promise.all(['8021', '9000', '7'].map((account) => place.storage.starts.note(account)))
    await place.clock.advance(60 * 60_000 - 1)

    const { starts } = await place.reopen()

    expect([await starts.lastAt('9000'), await starts.lastAt('1')]).toEqual([start, undefined])
    await place.clock.advance(1)
    expect(await starts.lastAt('9000')).toBeUndefined()
  })

  test('a start that lies ahead of a clock that was set back is not known', async () => {
    const place = await opened(newPlace())
    await place.storage.starts.note('8021')

    place.clock.setWall(start - 1)

    expect(await place.storage.starts.lastAt('8021')).toBeUndefined()
  })

  test('a start that cannot be kept is an error, and the next one is kept', async () => {
    const place = await opened(newPlace())
    place.place.refuseWrites()
    await expect(place.storage.starts.note('8021')).rejects.toThrow(StoreFailed)
    place.place.acceptWrites()

    await place.storage.starts.note('8021')

    expect(await (await place.reopen()).starts.lastAt('8021')).toBe(start)
  })

  test('the last run is known after a restart', async () => {
    const place = await opened(newPlace())
    expect(place.storage.lastRun.at).toBeUndefined()

    await place.storage.lastRun.keep(start)

    expect((await place.reopen()).lastRun.at).toBe(start)
    place.place.refuseWrites()
    await expect(place.storage.lastRun.keep(start + 1)).rejects.toThrow(StoreFailed)
    place.place.acceptWrites()
    expect((await place.reopen()).lastRun.at).toBe(start)
  })

  test('the discovery prefix is known after a restart, until it is forgotten', async () => {
    const place = await opened(newPlace())
    const { discoveryPrefix } = place.storage
    expect(await discoveryPrefix.prefix()).toBeUndefined()

    await discoveryPrefix.keep('homeassistant')
    await discoveryPrefix.keep('ha/"test"')

    expect(await discoveryPrefix.prefix()).toBe('ha/"test"')
    const again = (await place.reopen()).discoveryPrefix
    expect(await again.prefix()).toBe('ha/"test"')
    await again.forget()
    await again.forget()
    expect(await again.prefix()).toBeUndefined()
  })

  test('closing writes what waits, refuses what comes after, and may be done twice', async () => {
    const place = await opened(newPlace())
    const { storage } = place
    const writing = add(storage, { requestId: '1' })

    await Promise.all([storage.close(), storage.close()])
    await writing

    await expect(add(storage, { requestId: '2' })).rejects.toThrow(StoreFailed)
    await expect(storage.ledger.keys()).rejects.toThrow(StoreFailed)
    expect(await idsIn(await place.reopen())).toEqual(['1'])
  })

  test('watching storage ends when it is stopped, and nothing else happens', async () => {
    const { storage, clock } = await opened(newPlace())
    const stopping = new AbortController()
    const watching = storage.watch(stopping.signal)
    await add(storage, { requestId: '1' })
    await clock.advance(120_000)

    stopping.abort(new Error('stopped'))

    await expect(watching).resolves.toBeUndefined()
    expect(await idsIn(storage)).toEqual(['1'])
  })
}
