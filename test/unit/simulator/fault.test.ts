import { expect, test } from 'vitest'
import { Faults } from '../../../src/simulator/fault.ts'
import { FakeTime } from '../../support/visitor.ts'

const request = {
  method: 'POST',
  target: '/rest-e008/api/x?page=1',
  kind: 'manifest-request',
  accountId: 8021,
}

test('a fault hits as often as its count and is then over', () => {
  const faults = new Faults(new FakeTime())
  faults.switchOn({ kind: 'busy', count: 2 })

  const hits = [1, 2, 3].map(() => faults.pick(request)?.kind)

  expect(hits).toEqual(['busy', 'busy', undefined])
  expect(faults.on).toEqual([])
})

test('without a count it lasts until calm', () => {
  const faults = new Faults(new FakeTime())
  faults.switchOn({ kind: 'busy' })

  expect([1, 2, 3].map(() => faults.pick(request)?.kind)).toEqual(['busy', 'busy', 'busy'])
  faults.calm()
  expect(faults.pick(request)).toBeUndefined()
})

test.each([
  [{ method: 'post' }, true],
  [{ method: 'GET' }, false],
  [{ path: '/api/x' }, true],
  [{ path: 'rest-e009' }, false],
  [{ path: /page=\d$/ }, true],
  [{ path: /^\/api/ }, false],
  [{ accountId: 8021 }, true],
  [{ accountId: 9 }, false],
])('a fault for %j is meant for the request: %s', (target, meant) => {
  const faults = new Faults(new FakeTime())
  faults.switchOn({ kind: 'busy', ...target })

  expect(faults.pick(request) !== undefined).toBe(meant)
})

test('a fault with a probability hits by chance, and a miss does not count', () => {
  const time = new FakeTime()
  const faults = new Faults(time)
  faults.switchOn({ kind: 'busy', probability: 0.5, count: 1 })

  time.nextChance = 0.5
  expect(faults.pick(request)).toBeUndefined()
  time.nextChance = 0.49
  expect(faults.pick(request)).toBeDefined()
})

test('of several faults that fit, the first one is used up first', () => {
  const faults = new Faults(new FakeTime())
  faults.switchOn({ kind: 'busy', count: 1 })
  faults.switchOn({ kind: 'html', count: 1 })

  expect([faults.pick(request)?.kind, faults.pick(request)?.kind]).toEqual(['busy', 'html'])
})

test('a lost refresh hits token requests only', () => {
  const faults = new Faults(new FakeTime())
  faults.switchOn({ kind: 'lose_answer_of_refresh' })

  expect(faults.pick(request)).toBeUndefined()
  expect(faults.pick({ ...request, kind: 'token' })).toBeDefined()
})
