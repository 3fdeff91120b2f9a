/** What is promised of the rest: the installation, starts, the last run, the discovery prefix, the end. */
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { start } from '../samples.ts'
import { add, idsIn, opened, type StoragePlace } from './place.ts'

export function otherContract(newPlace: () => StoragePlace): void {
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
