import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filesToRemove, type KeptFile } from '../../../src/clips/retention.ts'

const day = 24 * 60 * 60 * 1000
const now = Date.UTC(2026, 10, 28)
const file = (path: string, daysAgo: number, megabytes = 1): KeptFile => ({
  path,
  bytes: megabytes * 1_000_000,
  createdAt: now - daysAgo * day,
})
const removed = (files: readonly KeptFile[], keepDays: number, keepGigabytes: number) =>
  filesToRemove(files, { keepDays, keepGigabytes }, now).map(({ path }) => path)

test('without limits every file stays', () => {
  expect(removed([file('a', 4_000, 9_000)], 0, 0)).toEqual([])
})

test('files older than the days go, oldest first', () => {
  expect(removed([file('a', 6), file('b', 9), file('c', 8), file('d', 7)], 7, 0)).toEqual(['b', 'c'])
})

test('the oldest go until the rest is small enough', () => {
  const files = [file('a', 1, 400), file('b', 3, 400), file('c', 2, 400)]

  expect(removed(files, 0, 1.2)).toEqual([])
  expect(removed(files, 0, 1.1)).toEqual(['b'])
  expect(removed(files, 0, 0.3)).toEqual(['b', 'c', 'a'])
})

test('files of one moment go in the order of their names', () => {
  expect(removed([file('b', 9), file('a', 9)], 7, 0)).toEqual(['a', 'b'])
})

test('both limits hold, nothing goes too early, and the order files come in is no matter', () => {
  const files = fc.array(
    fc.record({ daysAgo: fc.nat(60), megabytes: fc.nat(900) }).map((f) => f),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(files, fc.nat(40), fc.nat(8), (specs, keepDays, keepGigabytes) => {
      const all = specs.map(({ daysAgo, megabytes }, place) => file(`${place}`, daysAgo, megabytes))
      const gone = filesToRemove(all, { keepDays, keepGigabytes }, now)
      const kept = all.filter((each) => !gone.includes(each))
      const sum = (some: readonly KeptFile[]) => some.reduce((bytes, each) => bytes + each.bytes, 0)
      const youngestGone = gone.at(-1)

      if (keepDays > 0) expect(kept.every(({ createdAt }) => createdAt >= now - keepDays * day)).toBe(true)
      if (keepGigabytes > 0) expect(sum(kept)).toBeLessThanOrEqual(keepGigabytes * 1e9)
      if (youngestGone) {
        expect(kept.every(({ createdAt }) => createdAt >= youngestGone.createdAt)).toBe(true)
        const isOld = keepDays > 0 && youngestGone.createdAt < now - keepDays * day
        expect(isOld || sum(kept) + youngestGone.bytes > keepGigabytes * 1e9).toBe(true)
      }
      expect(filesToRemove(all.toReversed(), { keepDays, keepGigabytes }, now)).toEqual(gone)
    }),
  )
})
