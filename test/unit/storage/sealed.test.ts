import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { createSeal } from '../../../src/storage/postgres/sealed.ts'

const keyOf = (byte: number) => new Secret(Buffer.alloc(32, byte).toString('base64'))
const seal = createSeal(keyOf(1), systemClock)

test.for(['', 'a-refresh-token', 'Zoë 🔑'.repeat(1_000)])('what is sealed is opened again: %.10s', (text) => {
  expect(seal.open(seal.close(text, '8021'), '8021')).toBe(text)
})

test('the sealed bytes hold nothing of the text, and are never the same twice', () => {
  const [one, two] = ['one', 'two'].map(() => Buffer.from(seal.close('a-refresh-token', '8021')))

  expect(one?.includes('refresh')).toBe(false)
  expect(one?.equals(two ?? Buffer.of())).toBe(false)
})

test('another key, another owner and any changed byte open nothing', () => {
  const sealed = seal.close('a-refresh-token', '8021')
  const spoilt = [...sealed].map((_, at) =>
    Uint8Array.from(sealed, (byte, index) => byte ^ Number(index === at)),
  )

  expect(createSeal(keyOf(2), systemClock).open(sealed, '8021')).toBeUndefined()
  expect(seal.open(sealed, '8022')).toBeUndefined()
  expect(spoilt.map((bytes) => seal.open(bytes, '8021')).filter((text) => text !== undefined)).toEqual([])
  expect([seal.open(sealed.subarray(0, 20), '8021'), seal.open(Buffer.of(), '8021')]).toEqual([
    undefined,
    undefined,
  ])
})
