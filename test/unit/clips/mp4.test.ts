import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ByteReader, mp4FaultOf } from '../../../src/clips/mp4.ts'
import { clipFile, withoutMovie } from '../../../src/simulator/mp4.ts'

interface CountingReader extends ByteReader {
  readonly bytesRead: number
}

function readerOf(file: Uint8Array): CountingReader {
  let bytesRead = 0
  return {
    bytes: file.length,
    get bytesRead() {
      return bytesRead
    },
    read(offset, length) {
      bytesRead += length
      return Promise.resolve(file.subarray(offset, offset + length))
    },
  }
}

const faultOf = (file: Uint8Array) => mp4FaultOf(readerOf(file))

function box(type: string, content: Uint8Array | number = 0, size?: number): Buffer {
  const inside = typeof content === 'number' ? Buffer.alloc(content) : content
  const header = Buffer.alloc(8)
  header.writeUInt32BE(size ?? inside.length + 8)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, inside])
}

function longBox(type: string, content: number, bytes = BigInt(content + 16)): Buffer {
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(bytes)
  return Buffer.concat([box(type, size, 1), Buffer.alloc(content)])
}

const whole = clipFile(300 * 1024, 'a')
const film = [box('ftyp', 24), box('moov', 100)]
const joined = (...boxes: Uint8Array[]) => Buffer.concat(boxes)

test.each<[string, Uint8Array]>([
  ['a clip of the simulator', whole],
  ['a box with a size of 64 bits', joined(...film, longBox('mdat', 50))],
  ['a last box that goes on to the end', joined(...film, box('mdat', 50, 0))],
  ['a film in fragments', joined(...film, box('moof', 10), box('mdat', 50), box('moof', 10), box('mdat', 9))],
  ['a type of another alphabet', joined(...film, box('mdat', 9), box('\xa9xyz'))],
])('%s is whole', async (_, file) => {
  expect(await faultOf(file)).toBeUndefined()
})

test.each<[string, Uint8Array, string]>([
  ['nothing', Buffer.alloc(0), 'not_mp4'],
  ['20 bytes of a clip', whole.subarray(0, 20), 'cut'],
  ['20 zeros', Buffer.alloc(20), 'not_mp4'],
  ['a page for people', Buffer.from('<!DOCTYPE html>\n<title>Sorry</title>'), 'not_mp4'],
  ['JSON', Buffer.from('{"message":"Media not found","code":700}'), 'not_mp4'],
  ['a moov box without a ftyp box before it', joined(box('moov', 9)), 'not_mp4'],
  ['half of a clip', whole.subarray(0, whole.length / 2), 'cut'],
  ['all but the last byte', whole.subarray(0, -1), 'cut'],
  ['four bytes more', joined(whole, Buffer.from('more')), 'cut'],
  ['zeros behind the end', joined(whole, Buffer.alloc(4_096)), 'cut'],
  ['a box smaller than its header', joined(...film, box('mdat', 50, 7)), 'cut'],
  ['a long box smaller than its header', joined(...film, longBox('mdat', 50, 15n)), 'cut'],
  ['a long box of 2^64 bytes', joined(...film, longBox('mdat', 50, 2n ** 64n - 1n)), 'cut'],
  ['a long box without its size', joined(...film, box('mdat', 4, 1)), 'cut'],
  ['a film that ends where its pictures begin', joined(...film), 'cut'],
  ['no moov box', withoutMovie(whole), 'no_moov'],
  [
    'empty boxes without end',
    joined(...film, ...Array.from({ length: 20_000 }, () => box('free'))),
    'too_many_boxes',
  ],
])('%s is no whole clip', async (_, file, fault) => {
  expect(await faultOf(file)).toBe(fault)
})

test('a file that is shorter than it was when it was opened is cut', async () => {
  const reader = { bytes: whole.length, read: readerOf(whole.subarray(0, 4_000)).read }

  expect(await mp4FaultOf({ ...reader, bytes: 4_000 })).toBe('cut')
  expect(await mp4FaultOf({ bytes: whole.length + 8, read: reader.read })).toBe('cut')
})

test('only headers are read, however long the file is', async () => {
  const reader = readerOf(joined(...film, longBox('mdat', 20 * 1024 * 1024)))

  expect(await mp4FaultOf(reader)).toBeUndefined()
  expect(reader.bytesRead).toBeLessThan(100)
})

test('a clip that is cut anywhere but before its last box is not whole', async () => {
  const small = clipFile(5_000, 'a')
  const complete: number[] = []

  for (let length = 0; length < small.length; length += 1) {
    if ((await faultOf(small.subarray(0, length))) === undefined) complete.push(length)
  }

  // Before the `free` box that fills it up: a whole film. Its announced length shows that there was more.
  expect(complete).toEqual([small.lastIndexOf('free') - 4])
})

test('whatever the bytes are, the walk ends', async () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .tuple(fc.constantFrom('ftyp', 'moov', 'mdat', 'free', '\0\0\0\0'), fc.nat(40), fc.nat(60))
      .map(([type, content, size]) => box(type, content, size)),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bytes) => longBox('mdat', 4, bytes)),
  )

  await fc.assert(
    fc.asyncProperty(fc.array(part), async (parts) => {
      const reader = readerOf(joined(box('ftyp', 4), ...parts))
      await mp4FaultOf(reader)
      expect(reader.bytesRead).toBeLessThanOrEqual(16 * (reader.bytes / 8 + 1))
    }),
    { numRuns: 200 },
  )
})
