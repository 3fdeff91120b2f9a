/** What is kept of the discovery documents that we have said. */
import { expect, test } from 'vitest'
import { copier } from '../../../src/homeassistant/broker-copy.ts'

const device = (objectId: string, platform = 'sensor') => ({
  objectId,
  about: {},
  components: { latency: { platform, name: 'Latency' }, problem: { platform: 'binary_sensor' } },
  availability: [],
})

test('of a document only the platforms are kept, and what tells devices apart', () => {
  const copyOf = copier()

  const [hall, barn] = [copyOf(device('hall'), 'the hall'), copyOf(device('barn'), 'the barn')]

  expect(hall.components).toEqual({
    latency: { platform: 'sensor' },
    problem: { platform: 'binary_sensor' },
  })
  expect(barn.components).toBe(hall.components)
  expect(copyOf(device('attic', 'number'), '').components).not.toEqual(hall.components)
  expect(barn.print).not.toBe(hall.print)
  expect(copyOf(device('hall'), 'the hall').print).toBe(hall.print)
  expect(copyOf(device('hall'), 'x'.repeat(10_000)).print).toHaveLength(28)
})
