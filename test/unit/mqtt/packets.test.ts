import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameLimit } from '../../../src/mqtt/packets.ts'

/** A packet of `length` bytes after its head. */
function packet(length: number): Uint8Array {
  const head = [0x30]
  let left = length
  do {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  return Uint8Array.from([...head, ...new Uint8Array(length).fill(0xff)])
}

test('packets up to the limit pass in any pieces, a larger one does not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 200 }),
      fc.nat(300),
      (lengths, piece, most) => {
        const limit = new FrameLimit(most)
        const bytes = Buffer.concat(lengths.map(packet))
        let accepted = true
        for (let at = 0; at < bytes.length && accepted; at += piece) {
          accepted = limit.accepts(bytes.subarray(at, at + piece))
        }
        expect(accepted).toBe(lengths.every((length) => length <= most))
      },
    ),
  )
})

test('a length of more than four bytes is none', () => {
  expect(
    new FrameLimit(Number.MAX_SAFE_INTEGER).accepts(Uint8Array.from([0x30, 0x80, 0x80, 0x80, 0x80])),
  ).toBe(false)
})
