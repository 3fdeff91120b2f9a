import { expect, test } from 'vitest'
import { clipFile } from '../../src/simulator/mp4.ts'

test('a clip is made of boxes that fill it exactly', () => {
  const file = clipFile(1024)

  expect(file).toHaveLength(1024)
  expect(file.readUInt32BE(0)).toBe(24)
  expect(file.toString('latin1', 4, 12)).toBe('ftypisom')
  expect(file.readUInt32BE(24)).toBe(1000)
  expect(file.toString('latin1', 28, 32)).toBe('free')
})

test('a clip of no size is still a file', () => {
  expect(clipFile(0)).toHaveLength(32)
})
