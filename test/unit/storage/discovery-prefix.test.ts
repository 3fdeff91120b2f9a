/** The note of where Home Assistant was told of us: kept over restarts, and worth nothing when it is damaged. */
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openAnnounced } from '../../../src/storage/discovery-prefix.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const name = 'home-assistant.json'

test('what was told last is known after a restart, in a file for its owner only', async () => {
  const directory = temporaryDirectory()
  expect(await openAnnounced(directory).prefix()).toBeUndefined()

  await openAnnounced(directory).keep('homeassistant')
  await openAnnounced(directory).keep('ha/"test"')

  expect(await openAnnounced(directory).prefix()).toBe('ha/"test"')
  expect(readdirSync(directory)).toEqual([name])
  expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
})

test('once taken back, there is nothing to take back, and that twice is no failure', async () => {
  const directory = temporaryDirectory()
  const announced = openAnnounced(directory)
  await announced.keep('homeassistant')

  await announced.forget()
  await announced.forget()

  expect(await announced.prefix()).toBeUndefined()
  expect(readdirSync(directory)).toEqual([])
})

test.each([
  '',
  '{"prefix":"homeass',
  '{"prefix":""}',
  '{"prefix":7}',
  'null',
  '[]',
  '"homeassistant"',
])('a damaged note counts as none: %s', async (text) => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, name), text)

  expect(await openAnnounced(directory).prefix()).toBeUndefined()
  await openAnnounced(directory).keep('homeassistant')
  expect(await openAnnounced(directory).prefix()).toBe('homeassistant')
})

test('a directory that is no longer there is told as a failure of the disk', async () => {
  const announced = openAnnounced(join(temporaryDirectory(), 'gone'))

  expect(await announced.prefix()).toBeUndefined()
  await expect(announced.keep('homeassistant')).rejects.toThrow(StoreFailed)
})
