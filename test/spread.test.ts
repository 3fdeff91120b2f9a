import fc from 'fast-check'
import { expect, test } from 'vitest'
import { offsetInWindow } from '../src/spread.ts'

test('an account is asked at the same moment after each slot, on every machine', () => {
  expect(offsetInWindow('8021', 30_000)).toBe(offsetInWindow('8021', 30_000))
  expect(offsetInWindow('8021', 30_000)).toBe(25_547)
})

test('every account has its moment inside the window', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 3_600_000 }), (account, windowMs) => {
      const offset = offsetInWindow(account, windowMs)

      expect(Number.isInteger(offset) && offset >= 0 && offset < windowMs).toBe(true)
    }),
  )
})

test('without a window nobody waits', () => {
  expect(offsetInWindow('8021', 0)).toBe(0)
})

test('many accounts are spread evenly, those with neighbouring numbers too', () => {
  const perSecond = Array.from({ length: 30 }, () => 0)
  for (let account = 0; account < 3_000; account++) {
    const second = Math.floor(offsetInWindow(String(8_000 + account), 30_000) / 1_000)
    perSecond[second] = (perSecond[second] ?? 0) + 1
  }

  expect(Math.min(...perSecond)).toBeGreaterThan(60)
  expect(Math.max(...perSecond)).toBeLessThan(140)
})
