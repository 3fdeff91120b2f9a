import { expect, test } from 'vitest'
import { type Answer, nextVersion, preferred, protocolOf } from '../../../src/mqtt/protocol-version.ts'

const hourMs = 60 * 60_000

/** The versions tried when the broker gives these answers, one after another. */
function tried(answers: readonly Answer[], stepMs = 0): readonly number[] {
  let version = preferred
  const versions = [protocolOf(version)]
  for (const [index, answer] of answers.entries()) {
    version = nextVersion(version, answer, index * stepMs)
    versions.push(protocolOf(version))
  }
  return versions
}

test('a broker that takes MQTT 5 is never spoken to in another version', () => {
  expect(tried(['accepted', 'other', 'other', 'closed-without-a-word', 'accepted'])).toEqual([
    5, 5, 5, 5, 5, 5,
  ])
})

test('a broker that names the version as its reason is believed at once', () => {
  expect(tried(['version-refused', 'accepted', 'other', 'accepted'])).toEqual([5, 4, 4, 4, 4])
})

test('a broker that refuses both versions gets one after the other', () => {
  expect(tried(['version-refused', 'version-refused', 'version-refused'])).toEqual([5, 4, 5, 4])
})

const closed: Answer = 'closed-without-a-word'

test('hanging up on MQTT 5 counts only when 3.1.1 works and MQTT 5 still does not', () => {
  expect(tried([closed, closed, 'accepted', closed, 'accepted'])).toEqual([5, 5, 4, 5, 4, 4])
  expect(tried([closed, closed, 'accepted', 'accepted', 'accepted'])).toEqual([5, 5, 4, 5, 5, 5])
  expect(tried([closed, closed, closed, closed])).toEqual([5, 5, 4, 5, 5])
  expect(tried([closed, 'other', closed, 'other'])).toEqual([5, 5, 5, 5, 5])
})

test('after a day MQTT 5 is tried again', () => {
  expect(tried(['version-refused', 'other', 'other', 'other'], 12 * hourMs)).toEqual([5, 4, 4, 5, 5])
})
