/** Writes that come together are committed together, in their order. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Write, WriteQueue } from '../../../src/storage/write-queue.ts'

function aQueue(ends: (write: Write) => void = ({ done }) => done()) {
  const groups: number[] = []
  const worked: number[] = []
  const queue = new WriteQueue((group) => {
    groups.push(group.length)
    for (const write of group) {
      write.work()
      ends(write)
    }
  })
  const add = (number: number) =>
    queue.add(() => {
      worked.push(number)
      return number
    })
  return { queue, groups, worked, add }
}

async function turns(count: number) {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

test('writes of three rounds of the event loop share a commit, in their order', async () => {
  const { groups, worked, add } = aQueue()
  const all = [add(1), add(2)]
  await nextTurn()
  all.push(add(3))

  expect(groups).toEqual([])
  expect(await Promise.all(all)).toEqual([1, 2, 3])
  expect([groups, worked]).toEqual([[3], [1, 2, 3]])
})

test('of many writes sixteen are committed at a time', async () => {
  const { groups, add } = aQueue()
  const numbers = Array.from({ length: 40 }, (_, index) => index)

  expect(await Promise.all(numbers.map(add))).toEqual(numbers)
  expect(groups).toEqual([16, 16, 8])
})

test('a flush commits all that waits, at once, and nothing is committed twice', async () => {
  const { queue, groups, worked, add } = aQueue()
  const all = Array.from({ length: 20 }, (_, index) => add(index))
  queue.flush()

  expect(groups).toEqual([20])
  await Promise.all(all)
  await turns(5)
  expect([groups, worked.length]).toEqual([[20], 20])
})

test('a write whose commit failed is rejected, and the next is tried', async () => {
  let well = false
  const { add } = aQueue(({ done, failed }) => (well ? done() : failed(new Error('disk full'))))

  await expect(add(1)).rejects.toThrow('disk full')
  well = true
  expect(await add(2)).toBe(2)
})
