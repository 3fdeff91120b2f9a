import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from '../../../src/blink/json.ts'

test('an integer too long for a number keeps its digits as text', () => {
  expect(parseJson('{"id":9223372036854775807,"n":[9007199254740993,-9007199254740993]}')).toEqual({
    id: '9223372036854775807',
    n: ['9007199254740993', '-9007199254740993'],
  })
})

test('a number that is not written as an integer is not taken for one', () => {
  expect(parseJson('[1e3,4.0,-0,1E2,1.5,42]')).toEqual(['1e3', '4.0', '-0', '1E2', 1.5, 42])
})

test('anything but JSON is nothing, however deep it goes', () => {
  expect(parseJson('')).toBeUndefined()
  expect(parseJson('<html>')).toBeUndefined()
  expect(parseJson('{"id":')).toBeUndefined()
  expect(parseJson('['.repeat(2_000_000))).toBeUndefined()
  expect(() => parseJson('['.repeat(100_000) + ']'.repeat(100_000))).not.toThrow()
})

test('everything else is as JSON.parse has it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.stringify(parseJson(text))?.length).toBeGreaterThan(0)
    }),
  )
  expect(parseJson('{"a":[true,null,"9007199254740993"]}')).toEqual({ a: [true, null, '9007199254740993'] })
})
