/** The live request IDs: told of by their module, cleared when they are dead and acknowledged. */
import { expect, onTestFinished, test } from 'vitest'
import { keyOf, type WorkItem } from '../../src/model.ts'
import { openDatabase } from '../../src/store/database.ts'
import { openItems } from '../../src/store/items.ts'
import { openOutbox } from '../../src/store/outbox.ts'
import { aModule, anItem, start, temporaryDirectory } from '../samples.ts'

function opened(directory = temporaryDirectory()) {
  const database = openDatabase(directory)
  onTestFinished(() => database.close())
  const [items, outbox] = [openItems(database), openOutbox(database)]
  const put = (differing: Partial<WorkItem> = {}) => database.write(() => items.add(anItem(differing)))
  return { database, items, outbox, put }
}

const numbers = (items: readonly WorkItem[]) => items.map(({ requestId }) => requestId)

test("a module's items are told oldest first, and nobody else's", async () => {
  const { items, put } = opened()
  for (const requestId of ['1', '2', '3']) await put({ requestId })
  await put({ requestId: '4', syncModuleId: '9' })

  expect(numbers(items.of(aModule()))).toEqual(['1', '2', '3'])
  expect(numbers(items.of(aModule({ syncModuleId: '9' })))).toEqual(['4'])
  expect(items.of(aModule({ syncModuleId: '10' }))).toEqual([])
})

test('of more than fifty items of one module the newest fifty are told', async () => {
  const { items, put } = opened()
  for (let number = 0; number < 60; number++) await put({ requestId: String(number) })

  expect(numbers(items.of(aModule()))).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 10)))
})

test('cleared are the dead ones, and their modules are named once each', async () => {
  const { items, put } = opened()
  for (const syncModuleId of ['1', '1', '2']) await put({ syncModuleId, expiresAt: start })
  await put({ syncModuleId: '3', expiresAt: start + 1 })

  expect((await items.clear(start)).map(keyOf)).toEqual(['8021/44107/1', '8021/44107/2'])

  expect(await items.clear(start)).toEqual([])
  expect(items.of(aModule({ syncModuleId: '1' }))).toEqual([])
  expect(items.of(aModule({ syncModuleId: '3' }))).toHaveLength(1)
})

test('a dead item that the broker has not acknowledged is not cleared, and is nobody to wait for', async () => {
  const { database, items, outbox, put } = opened()
  const waiting = await put({ expiresAt: start })
  await database.write(() => outbox.add(waiting))

  expect([await items.clear(start), items.nextEnd()]).toEqual([[], undefined])

  await outbox.remove([waiting.seq])
  expect(items.nextEnd()).toBe(start)
  expect(await items.clear(start)).toHaveLength(1)
})

test('the next end is that of the oldest', async () => {
  const { items, put } = opened()
  expect(items.nextEnd()).toBeUndefined()

  await put({ expiresAt: start + 5 })
  await put({ expiresAt: start + 9 })

  expect(items.nextEnd()).toBe(start + 5)
})

test('a number is never given out twice by one process, and is larger than all on disk after a restart', async () => {
  const directory = temporaryDirectory()
  const { database, items, put } = opened(directory)
  await put({ expiresAt: start })
  await items.clear(start)
  expect((await put()).seq).toBe(2)
  await database.close()

  expect((await opened(directory).put()).seq).toBe(3)
})
