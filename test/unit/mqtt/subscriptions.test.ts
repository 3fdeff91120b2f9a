import { expect, test } from 'vitest'
import { matches } from '../../../src/mqtt/subscriptions.ts'

test.each([
  ['a/b', 'a/b', true],
  ['a/b', 'a/b/c', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a/b/c', false],
  ['a/+', 'a/', true],
  ['+/b', 'a/b', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['a/+/#', 'a', false],
  ['#', 'a/b', true],
  ['#', '$SYS/uptime', false],
  ['+/uptime', '$SYS/uptime', false],
  ['$SYS/#', '$SYS/uptime', true],
  ['a/b', 'A/b', false],
])('the filter %s and the topic %s: %s', (filter, topic, expected) => {
  expect(matches(filter, topic)).toBe(expected)
})
