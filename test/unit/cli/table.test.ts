import { expect, test } from 'vitest'
import { plainTable } from '../../../src/cli/table.ts'

test('each column is as wide as its widest cell on a terminal', () => {
  const text = plainTable(
    ['Name', 'Model', 'Asked?'],
    [
      ['車庫', 'sm2', 'yes'],
      ['Attic upstairs', 'sm1', ''],
      ['📷', 7, 'no: paused'],
    ],
  )

  expect(text.split('\n')).toEqual([
    'Name            Model  Asked?',
    '車庫            sm2    yes',
    'Attic upstairs  sm1',
    '📷              7      no: paused',
  ])
})

test('a table without rows is its heads', () => {
  expect(plainTable(['Account', 'State'], [])).toBe('Account  State')
})

// A table library for which the time grows with the square took minutes, and so longer than a test may.
test('a table of 20,000 rows has a line for each', () => {
  const rows = Array.from({ length: 20_000 }, (_, at) => [at, `Module ${at}`, '車庫', 'yes'])

  const lines = plainTable(['Sync module', 'Name', 'Network', 'Asked?'], rows).split('\n')

  expect(lines).toHaveLength(20_001)
  expect(lines[20_000]).toBe('19999        Module 19999  車庫     yes')
})
