/** What the outbox promises: events wait in their order until they are acknowledged or expire. */
import { expect, test } from 'vitest'
import { keyOf } from '../../../src/domain/model.ts'
import { anItem, start } from '../samples.ts'
import { add, addAll, idsIn, inOutbox, numbersIn, opened, type StoragePlace } from './place.ts'

export function outboxContract(newPlace: () => StoragePlace): void {
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
        idsIn(storage).then((ids) => {
          const requestId = added?.event.body.requestId ?? 'none'
          return [requestId, ids.includes(requestId)]
        }),
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
