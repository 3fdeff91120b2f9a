/** The live request IDs: told of by their module, cleared when they are dead and acknowledged. */
import { expect, onTestFinished, test } from 'vitest'
import { keyOf, type WorkItem } from '../../../src/domain/model.ts'
import { openDatabase } from '../../../src/storage/database.ts'
import { openItems } from '../../../src/storage/items.ts'
import { openOutbox } from '../../../src/storage/outbox.ts'
import { anItem, start, temporaryDirectory } from '../../support/samples.ts'

function opened(directory = temporaryDirectory()) {
  const database = openDatabase(directory)
  onTestFinished(() => database.close())
  const [items, outbox] = [openItems(database), openOutbox(database)]
  const put = (differing: Partial<WorkItem> = {}) => database.write(() => items.add(anItem(differing)))
  return { database, items, outbox, put }
}

const numbers = (items: readonly WorkItem[]) => items.map(({ requestId }) => requestId)

test('items are read by their numbers, in the order of storing, where they exist', async () => {
  const { items, put } = opened()
  for (const requestId of ['1', '2', '3']) await put({ requestId })

  expect(numbers(items.of([3, 1, 99]))).toEqual(['1', '3'])
  expect(items.of([])).toEqual([])
})

test('cleared are the dead ones, and their modules are named once each', async () => {
  const { items, put } = opened()
  for (const syncModuleId of ['1', '1', '2']) await put({ syncModuleId, expiresAt: start })
  await put({ syncModuleId: '3', expiresAt: start + 1 })

  expect((await items.clear(start)).map(keyOf)).toEqual(['8021/44107/1', '8021/44107/2'])

  expect(await items.clear(start)).toEqual([])
  expect(items.of([1, 2, 3, 4])).toHaveLength(1)
})

test('an expired, unacknowledged item is not cleared, and nobody waits for it', async () => {
  const { database, items, outbox, put } = opened()
  const waiting = await put({ expiresAt: start })
  await database.write(() => outbox.add(waiting))

  expect([await items.clear(start), items.nextEnd(start)]).toEqual([[], undefined])

  await outbox.remove([waiting.seq])
  expect(await items.clear(start)).toHaveLength(1)
})

test('the next end is that of the oldest', async () => {
  const { items, put } = opened()
  expect(items.nextEnd(start)).toBeUndefined()

  await put({ expiresAt: start + 5 })
  await put({ expiresAt: start + 9 })

  expect(items.nextEnd(start)).toBe(start + 5)
  expect(items.nextEnd(start + 5)).toBe(start + 9)
})

test('a living item that the broker has not acknowledged is waited for: it may be by then', async () => {
  const { database, items, outbox, put } = opened()
  const waiting = await put({ expiresAt: start + 5 })
  await database.write(() => outbox.add(waiting))

  expect(items.nextEnd(start)).toBe(start + 5)
})

test('a number is never given out twice, and after a restart is larger than all', async () => {
  const directory = temporaryDirectory()
  const { database, items, put } = opened(directory)
  await put({ expiresAt: start })
  await items.clear(start)
  expect((await put()).seq).toBe(2)
  await database.close()

  expect((await opened(directory).put()).seq).toBe(3)
})
