/** The arithmetic of the benches and their command line: what is printed is what was measured. */
import { expect, test } from 'vitest'
import { figureNames, readArguments } from '../../bench/arguments.ts'
import { fleetOf, modulesIn } from '../../bench/fleet.ts'
import { percentile, ratios, spreadOf } from '../../bench/statistics.ts'
import { markdownRow, ruleBelow, spreadText } from '../../bench/table.ts'

test('the median of an even number of values lies between the two in the middle', () => {
  expect(spreadOf([4, 1, 3, 10])).toEqual({ median: 3.5, least: 1, most: 10, runs: 4 })
})

test('a percentile between two values lies between them in proportion', () => {
  const values = [30, 10, 20, 40, 50]

  expect(percentile(values, 0)).toBe(10)
  expect(percentile(values, 0.9)).toBeCloseTo(46)
  expect(percentile(values, 1)).toBe(50)
  expect(values[0]).toBe(30)
})

test('without values there is no median', () => {
  expect(() => spreadOf([])).toThrow('no values')
})

test('ratios are of laps that followed each other, not of medians', () => {
  expect(ratios([2, 9], [1, 3])).toEqual([2, 3])
  expect(ratios([2, 9], [1])).toEqual([2, Number.NaN])
})

test('a row can be pasted into a document, whatever stands in its cells', () => {
  expect(markdownRow(['a|b', 'two\nlines'])).toBe('| a\\|b | two lines |')
  expect(ruleBelow(['a', 'b', ''])).toBe('| --- | --- | --- |')
})

test('a median is printed with its range, a single value alone', () => {
  expect(spreadText([1, 3, 2.004])).toBe('2.00 (1.00 to 3.00)')
  expect(spreadText([1530.4, 1200], 0)).toBe('1365 (1200 to 1530)')
  expect(spreadText([7], 1)).toBe('7.0')
})

test('without words every figure is taken, with the numbers that the document names', () => {
  expect(readArguments([])).toEqual({
    figures: figureNames,
    topics: ['work_items', 'all'],
    inFlight: [1, 8, 64],
    laps: 5,
    ticks: 3,
    accounts: [1, 100, 1_000],
    idleMinutes: 10,
    tcpNoDelay: false,
    fleetMax: 10_000,
  })
})

test('figures, topics and numbers can be chosen', () => {
  const words = ['--figures', 'idle,flat', '--topics', 'all', '--in-flight', '8', '--laps', '20']

  expect(readArguments([...words, '--idle-minutes', '1', '--fleet-max', '100000', '--tcp-nodelay'])).toEqual({
    figures: ['idle', 'flat'],
    topics: ['all'],
    inFlight: [8],
    laps: 20,
    ticks: 3,
    accounts: [1, 100, 1_000],
    idleMinutes: 1,
    tcpNoDelay: true,
    fleetMax: 100_000,
  })
})

test.for([
  ['a figure that there is not', ['--figures', 'throughput,beauty']],
  ['topics that there are not', ['--topics', 'some']],
  ['no laps', ['--laps', '0']],
  ['a part of a lap', ['--laps', '1.5']],
  ['nothing in flight', ['--in-flight', '8,']],
  ['an option that there is not', ['--fast']],
  ['a word too many', ['idle']],
] as const)('nothing is measured for %s', ([, words]) => {
  expect(readArguments(words)).toBeUndefined()
})

test('the modules of a fleet are all different, and as many as wanted', () => {
  const size = { accounts: 3, modulesPerAccount: 4 }
  const modules = fleetOf(size).flatMap((account) =>
    account.modules.map(({ networkId, id }) => `${account.id}/${networkId}/${id}`),
  )

  expect(new Set(modules).size).toBe(12)
  expect(modulesIn(size)).toBe(12)
})
