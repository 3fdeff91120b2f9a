import { expect, test } from 'vitest'
import { clipFile, withoutMovie } from '../../../src/simulator/mp4.ts'

/** Type and size of each box, which must fill the file. */
function boxes(file: Buffer): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < file.length; at += file.readUInt32BE(at)) {
    found.push(`${file.toString('latin1', at + 4, at + 8)} ${file.readUInt32BE(at)}`)
  }
  return found
}

test('a clip is made of boxes that fill it exactly', () => {
  const file = clipFile(100 * 1024, 'a')

  expect(file).toHaveLength(100 * 1024)
  expect(boxes(file)).toEqual(['ftyp 32', 'moov 810', 'free 8', 'mdat 2394', 'free 99156'])
})

test('clips of two marks differ, those of one do not', () => {
  expect(clipFile(4_096, 'a').equals(clipFile(4_096, 'a'))).toBe(true)
  expect(clipFile(4_096, 'a').equals(clipFile(4_096, 'b'))).toBe(false)
})

test('a clip of no size is still a whole film', () => {
  expect(boxes(clipFile(0, 'mark')).at(-1)).toBe('free 12')
})

test('a clip without its moov box is boxes to the end all the same', () => {
  expect(boxes(withoutMovie(clipFile(5_000, 'a'))).join()).toMatch(/^ftyp 32,free 8,mdat 2394,free \d+$/)
})
