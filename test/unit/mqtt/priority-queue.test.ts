import { expect, test } from 'vitest'
import { PriorityQueue } from '../../../src/mqtt/priority-queue.ts'

const event = (name: string) => ({ name, urgent: true })
const state = (name: string) => ({ name, urgent: false })

function turnsOf(...waiting: readonly ReturnType<typeof state>[]) {
  const turns = new PriorityQueue<ReturnType<typeof state>>()
  for (const one of waiting) turns.add(one)
  return turns
}

function namesOf(turns: ReturnType<typeof turnsOf>): readonly string[] {
  const names: string[] = []
  for (let next = turns.take(); next; next = turns.take()) names.push(next.name)
  return names
}

test('what happened goes before state that came earlier, and each keeps its order', () => {
  const turns = turnsOf(state('s1'), state('s2'), event('h1'), event('h2'))

  expect(namesOf(turns)).toEqual(['h1', 'h2', 's1', 's2'])
})

test('state is every fourth message of a flood that never ends', () => {
  const turns = turnsOf(state('s1'), state('s2'), state('s3'))
  const names: (string | undefined)[] = []
  for (let nth = 1; nth <= 12; nth++) {
    turns.add(event(`h${nth}`))
    names.push(turns.take()?.name)
  }

  expect(names).toEqual(['h1', 'h2', 'h3', 's1', 'h4', 'h5', 'h6', 's2', 'h7', 'h8', 'h9', 's3'])
})

test('state that comes during a flood waits like the rest', () => {
  const turns = turnsOf(...[1, 2, 3, 4, 5].map((nth) => event(`h${nth}`)))
  for (let nth = 0; nth < 4; nth++) turns.take()
  turns.add(state('s'))
  turns.add(event('h6'))

  expect(namesOf(turns)).toEqual(['h5', 'h6', 's'])
})

test('what is put back goes before its like in the order it was taken, what is held before everything', () => {
  const turns = turnsOf(state('s1'), event('h1'), event('h2'), state('s2'))
  const taken = [turns.take(), turns.take(), turns.take()].filter((one) => one !== undefined)
  turns.add(event('h3'))
  turns.putBack(taken)
  const [, again] = taken
  // And once more, when the next connection is lost as well.
  turns.putBack([turns.take()].filter((one) => one !== undefined))
  if (again) turns.delete(again)
  const held = state('s3')
  turns.hold(held)

  expect([...turns].map(({ name }) => name)).toEqual(['s3', 'h1', 'h3', 's1', 's2'])
  expect(namesOf(turns)[0]).toBe('s3')
})
