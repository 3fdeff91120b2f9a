import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json, number, timeOrNull } from '../../../src/domain/text.ts'

test('an id is a JSON number', () => {
  expect(json({ id: number('670555852') })).toBe('{"id":670555852}')
})

test('an id keeps all its digits, however many there are', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n }), (id) => {
      expect(json([number(String(id))])).toBe(`[${id}]`)
    }),
  )
  for (const id of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
    expect(json(number(String(id)))).toBe(String(id))
  }
})

test('a time is ISO 8601 in UTC with milliseconds, or null', () => {
  expect(timeOrNull(Date.parse('2026-11-23T10:12:44.182+01:00'))).toBe('2026-11-23T09:12:44.182Z')
  expect(timeOrNull(0)).toBe('1970-01-01T00:00:00.000Z')
  expect(timeOrNull(undefined)).toBeNull()
})
