import fc from 'fast-check'
import { expect, test } from 'vitest'
import { offsetInWindow, offsetsInWindow, sharedOffsets } from '../../../src/scheduler/timetable.ts'

test('an account has the same offset after each run, on every machine', () => {
  expect(offsetInWindow('8021', 30_000)).toBe(offsetInWindow('8021', 30_000))
  expect(offsetInWindow('8021', 30_000)).toBe(25_547)
})

test('every offset is inside the window', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 3_600_000 }), (account, windowMs) => {
      const offset = offsetInWindow(account, windowMs)

      expect(Number.isInteger(offset) && offset >= 0 && offset < windowMs).toBe(true)
    }),
  )
})

test('without a window no account waits', () => {
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

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 60 })

test('accounts that share a window have equal parts of it, in any order', () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 1_000, max: 3_600_000 }), (accounts, windowMs) => {
      const offsets = [...sharedOffsets(accounts, windowMs)].sort(([, one], [, other]) => one - other)
      const partMs = windowMs / accounts.length

      for (const [rank, [, offset]] of offsets.entries()) {
        expect(offset).toBeGreaterThanOrEqual(Math.floor(rank * partMs))
        expect(offset).toBeLessThan((rank + 1) * partMs)
      }
      expect(sharedOffsets([...accounts].reverse(), windowMs)).toEqual(sharedOffsets(accounts, windowMs))
    }),
  )
})

test('an account alone has the offset of its hash, so that homes differ', () => {
  expect(offsetsInWindow(() => ['8021'], 30_000)('8021')).toBe(offsetInWindow('8021', 30_000))
})

test('an account that appears later gets an offset, and a removed one has one', () => {
  const accounts = ['8021', 'login-2']
  const offsetOf = offsetsInWindow(() => accounts, 30_000)
  expect(offsetOf('8021')).toBe(sharedOffsets(accounts, 30_000).get('8021'))

  accounts[1] = '8022'
  expect(offsetOf('8022')).toBe(sharedOffsets(['8021', '8022'], 30_000).get('8022'))
  expect(offsetOf('7')).toBe(offsetInWindow('7', 30_000))
})
