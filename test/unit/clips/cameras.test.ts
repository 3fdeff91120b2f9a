import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cameraNamed, cameraTopicPart, strippedName } from '../../../src/clips/cameras.ts'
import type { HomeCamera } from '../../../src/domain/clip.ts'
import { anyCharacter } from '../../support/characters.ts'

const camera = (cameraId: string, name: string, networkId = '44107'): HomeCamera => ({
  cameraId,
  name,
  networkId,
})
const home = [
  camera('1', "Driveway (Anna's)"),
  camera('2', 'Back Door'),
  camera('3', 'Back-Door', '44108'),
  camera('4', 'Küche'),
  camera('5', 'Yard'),
  camera('6', 'Y.a.r.d'),
  camera('7', '🏠'),
]
const idOf = (name: string, networkId = '44107') => cameraNamed(name, networkId, home)?.cameraId

test.each([
  ['DrivewayAnnas', '44107', '1'],
  ['BackDoor', '44107', '2'],
  ['Back Door', '44107', '2'],
  ['BackDoor', '44108', '3'],
  ['Küche', '44107', '4'],
  ['Ku\u0308che', '44107', '4'],
  ['Kche', '44107', undefined],
  ['Yard', '44107', undefined],
  ['Porch', '44107', undefined],
  ['BackDoor', '44109', undefined],
  ['', '44107', undefined],
])('the camera %j of network %s has the id %s', (name, networkId, expected) => {
  expect(idOf(name, networkId)).toBe(expected)
})

test('a known camera is its id in a topic, an unknown one a hash of its name', () => {
  expect(cameraTopicPart('BackDoor', home[1])).toBe('2')
  expect(cameraTopicPart('Porch', undefined)).toMatch(/^unknown\/[0-9a-f]{8}$/)
  expect(cameraTopicPart('Back Door', undefined)).toBe(cameraTopicPart('BackDoor', undefined))
  expect(cameraTopicPart('a', undefined)).not.toBe(cameraTopicPart('b', undefined))
})

test('whatever a camera is called, its part of a topic is safe', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), (name) => {
      expect(cameraTopicPart(name, cameraNamed(name, '44107', home))).toMatch(/^(\d+|unknown\/[0-9a-f]{8})$/)
      expect(strippedName(strippedName(name))).toBe(strippedName(name))
    }),
  )
})
