/** What the ledger promises: records of modules, and request IDs until they expire. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { keyOf, type ModuleKey } from '../../../src/domain/model.ts'
import { aModule, anItem, failed, newRecord, requested, skipped, start } from '../samples.ts'
import { add, addAll, idsIn, inOutbox, numbersIn, opened, type StoragePlace } from './place.ts'

const modulesOf = (keys: readonly ModuleKey[]) => keys.map(({ syncModuleId }) => syncModuleId).sort()

export function ledgerContract(newPlace: () => StoragePlace): void {
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
    for (const [index, syncModuleId] of ['1', '1', '2'].entries()) {
      await add(storage, { syncModuleId, requestId: `${index}`, expiresAt: start })
    }
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
