import { expect, onTestFinished, test } from 'vitest'
import { keyOf, type WorkItem } from '../../../src/domain/model.ts'
import { openDatabase } from '../../../src/storage/database.ts'
import { openItems } from '../../../src/storage/items.ts'
import { openOutbox, type StoredOutbox } from '../../../src/storage/outbox.ts'
import { anItem, start, temporaryDirectory } from '../../support/samples.ts'

/** An outbox that holds these ids. */
async function holding(...ids: readonly string[]) {
  const database = openDatabase(temporaryDirectory())
  onTestFinished(() => database.close())
  const [items, outbox] = [openItems(database), openOutbox(database)]
  const put = (differing: Partial<WorkItem>) =>
    database.write(() => {
      const added = items.add(anItem(differing))
      outbox.add(added)
      return added
    })
  const add = (id: string, expiresAt = start + 600_000) => put({ requestId: id, expiresAt })
  for (const id of ids) await add(id)
  return { outbox, add, put }
}

const idsIn = (outbox: StoredOutbox, limit = 100, except: readonly string[] = []) =>
  outbox.waiting(limit, except).map(({ item }) => item.requestId)

test('items wait oldest first, so many as are asked for', async () => {
  const { outbox } = await holding('1', '2', '3', '4')

  expect(idsIn(outbox, 3)).toEqual(['1', '2', '3'])
  expect(idsIn(outbox, 0)).toEqual([])
})

test('the items of modules that must wait are passed over', async () => {
  const { outbox, put } = await holding('1', '2')
  await put({ requestId: '3', syncModuleId: '9' })

  const others = idsIn(outbox, 100, [keyOf(anItem())])

  expect(others).toEqual(['3'])
})

test('an item comes back as it was put in, all digits of its ids included', async () => {
  const { outbox } = await holding('9223372036854775807')

  expect(outbox.waiting(1, [])[0]?.item).toEqual(anItem({ requestId: '9223372036854775807' }))
})

test('a removed item is gone, and its number is never given again', async () => {
  const { outbox, add } = await holding('1', '2')

  await outbox.remove([2])
  await add('3')

  expect(outbox.waiting(10, []).map(({ seq, item }) => [seq, item.requestId])).toEqual([
    [1, '1'],
    [3, '3'],
  ])
})

test('an item that was removed already may be removed again', async () => {
  const { outbox } = await holding('1')
  await outbox.remove([1])

  await outbox.remove([1])

  expect(outbox.count()).toBe(0)
})

test('dropped are the items whose life is over, and they are counted', async () => {
  const { outbox, add } = await holding()
  await add('1', start - 1)
  await add('2', start)
  await add('3', start + 1)

  expect(await outbox.dropExpired(start, [])).toBe(2)

  expect(idsIn(outbox)).toEqual(['3'])
  expect(await outbox.dropExpired(start, [])).toBe(0)
})

test('an item whose publish is under way is not dropped, however dead it is', async () => {
  const { outbox, add } = await holding()
  for (const id of ['1', '2', '3']) await add(id, start - 1)

  expect(await outbox.dropExpired(start, new Set([1, 3]))).toBe(1)

  expect(idsIn(outbox)).toEqual(['1', '3'])
  expect(await outbox.dropExpired(start, [1, 3])).toBe(0)
})

test('nobody is told of an item before its commit', async () => {
  const { outbox, put } = await holding()
  const seen: unknown[] = []
  outbox.onArrival((added) => seen.push([added, outbox.count()]))

  const added = await put({})
  expect(seen).toEqual([])
  outbox.announce(added)

  expect(seen).toEqual([[{ seq: 1, item: anItem() }, 1]])
})

test('who no longer listens is told nothing, and the others still are', async () => {
  const { outbox } = await holding()
  const told: string[] = []
  const end = outbox.onArrival(() => told.push('first'))
  outbox.onArrival(() => told.push('second'))
  const added = { seq: 1, item: anItem() }
  outbox.announce(added)

  end()
  outbox.announce(added)

  expect(told).toEqual(['first', 'second', 'second'])
})

test('a thousand and one dead items are dropped in pieces, and all of them are counted', async () => {
  const { outbox, put, add } = await holding()
  await Promise.all(
    Array.from({ length: 1_001 }, (_, index) => put({ requestId: String(index), expiresAt: start })),
  )
  await add('99999')

  expect(await outbox.dropExpired(start, [])).toBe(1_001)

  expect(idsIn(outbox)).toEqual(['99999'])
})

test('dead items behind living ones are dropped, all of them, however many they are', async () => {
  const { outbox, put, add } = await holding()
  for (const id of ['1', '2']) await add(id)
  await Promise.all(
    Array.from({ length: 1_200 }, (_, index) => put({ requestId: String(10 + index), expiresAt: start })),
  )

  expect(await outbox.dropExpired(start, [])).toBe(1_200)

  expect(idsIn(outbox)).toEqual(['1', '2'])
})
