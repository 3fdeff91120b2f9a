import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable } from '../../../src/cli/terminal.ts'
import { visible, visibleInLine } from '../../../src/domain/printable.ts'
import { json } from '../../../src/domain/text.ts'
import { drivesTerminal, hostileText } from '../../support/hostile.ts'

test('no text whatever can drive a terminal, once it is made visible', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(visible(text)).not.toMatch(drivesTerminal)
      expect(visibleInLine(text)).not.toMatch(drivesTerminal)
      expect(visibleInLine(text)).not.toContain('\n')
      expect(visible(visible(text))).toBe(visible(text))
    }),
    { numRuns: 200 },
  )
})

test('a name fills one cell of a table at most, whatever it holds', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const cell = printable(text)

      expect([...cell].length).toBeLessThanOrEqual(60)
      expect(cell).not.toMatch(drivesTerminal)
      expect(cell).not.toContain('\n')
    }),
    { numRuns: 200 },
  )
})

test('a JSON document says the same whether it can be seen or not', () => {
  fc.assert(
    fc.property(fc.dictionary(hostileText, hostileText), (value) => {
      const text = json(value)

      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      expect(text).not.toMatch(drivesTerminal)
    }),
    { numRuns: 150 },
  )
})

test('what people read is left as it is', () => {
  for (const text of ['Garage', "Anna's Straße – 2", '車庫', 'קומה', '🚗', 'a\nb', 'e\u0301']) {
    expect(visible(text)).toBe(text)
  }
})

test('what is not to be seen is written as JSON writes it', () => {
  expect(visible('\u001b[2J\u009b\u202e\u{e0041}\u2028')).toBe(
    '\\u001b[2J\\u009b\\u202e\\udb40\\udc41\\u2028',
  )
  expect(visibleInLine('a\nb\tc')).toBe('a\\u000ab\\u0009c')
})
