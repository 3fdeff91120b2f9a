import { expect, test } from 'vitest'
import { decodeText, withoutLastNewlines } from '../../../src/domain/decode.ts'

const text = 'refresh_token=Grüße|x=1\n'
const swapped = (bytes: Buffer) => Buffer.from(bytes).swap16()

test.each([
  ['UTF-8', Buffer.from(text)],
  ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${text}`)],
  ['UTF-16 as Windows saves it', Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ['UTF-16 without a byte order mark', Buffer.from(text, 'utf16le')],
  ['UTF-16 in the other order', swapped(Buffer.from(`\uFEFF${text}`, 'utf16le'))],
  ['UTF-16 in the other order without a mark', swapped(Buffer.from(text, 'utf16le'))],
])('%s is read', (_, bytes) => {
  expect(decodeText(bytes)).toBe(text)
})

test('what is no text is not read', () => {
  expect(decodeText(Buffer.from([0x80, 0x81]))).toBeUndefined()
  expect(decodeText(Buffer.alloc(0))).toBe('')
})

test('all newlines at the end of a secret are cut, and nothing else', () => {
  expect(withoutLastNewlines(' a \nb \r\n\n\r\n')).toBe(' a \nb ')
})
