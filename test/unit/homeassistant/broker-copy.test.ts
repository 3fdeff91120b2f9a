/** What is kept of discovery documents. */
import { expect, test } from 'vitest'
import { copier } from '../../../src/homeassistant/broker-copy.ts'
import { discoveryDocument } from '../../../src/homeassistant/documents.ts'
import { discovering } from '../../support/ha-documents.ts'

const device = (objectId: string, platform = 'sensor') => ({
  objectId,
  about: {},
  components: { latency: { platform, name: 'Latency' }, problem: { platform: 'binary_sensor' } },
  availability: [],
})

test('of a document only the platforms are kept, which devices share, and a hash', () => {
  const { of: copyOf } = copier()

  const [hall, barn] = [copyOf(device('hall'), 'the hall'), copyOf(device('barn'), 'the barn')]

  expect(hall.components).toEqual({
    latency: { platform: 'sensor' },
    problem: { platform: 'binary_sensor' },
  })
  expect(barn.components).toBe(hall.components)
  expect(copyOf(device('attic', 'number'), '').components).not.toEqual(hall.components)
  expect(barn.hash).not.toBe(hall.hash)
  expect(copyOf(device('hall'), 'the hall').hash).toBe(hall.hash)
  expect(copyOf(device('hall'), 'x'.repeat(10_000)).hash).toHaveLength(28)
})

test('of a flood of documents with different components a hundred sets are kept', () => {
  const { read, of } = copier()
  const copies = Array.from({ length: 1_000 }, (_, number) => {
    const { payload } = discoveryDocument(discovering, device('hall', `platform${number}`))
    return read(Buffer.from(payload), 'hall')
  })

  expect(copies.filter((copy) => copy !== undefined)).toHaveLength(100)
  expect(of(device('hall', 'other'), '').components).toMatchObject({ latency: { platform: 'other' } })
})

test('a document that is larger than any of ours is not read', () => {
  const { read } = copier()
  const large = { ...device('hall'), about: { name: 'x'.repeat(64 * 1024) } }

  expect(read(Buffer.from(discoveryDocument(discovering, large).payload), 'hall')).toBeUndefined()
})
