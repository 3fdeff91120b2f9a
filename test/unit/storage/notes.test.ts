/** State in small JSON files: what a damaged or a missing one means. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import {
  openDiscoveryPrefix,
  openInstallation,
  openLastRun,
  openPauses,
  openStartThrottle,
} from '../../../src/storage/notes.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, start, temporaryDirectory } from '../../support/samples.ts'

const noCredentials = { list: async () => [] }

/** A new directory with one file in it. */
function directoryWith(name: string, text: string): string {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, name), text)
  return directory
}

test('two installations have different ids, and an id reveals nothing of the other', async () => {
  const first = await openInstallation(temporaryDirectory(), systemClock)
  const second = await openInstallation(temporaryDirectory(), systemClock)

  expect(second.installId).not.toBe(first.installId)
  expect(second.hardwareId).not.toBe(first.hardwareId)
  expect(first.hardwareId.toLowerCase()).not.toContain(first.installId)
})

test.each([
  '',
  '{',
  '{"install_id": "../../x", "hardware_id": "1"}',
])('a damaged installation (%j) is refused and not replaced', async (text) => {
  const directory = directoryWith('install.json', text)
  const path = join(directory, 'install.json')

  const opening = openInstallation(directory, systemClock)

  await expect(opening).rejects.toMatchObject({
    code: 'store_failed',
    message: `${path} is damaged`,
    remedy: expect.stringContaining('new installation id') as unknown,
  })
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('damaged pauses are refused and not taken for none', async () => {
  const directory = directoryWith('paused.json', '{"paused": ["x"]}')

  await expect(openPauses(directory)).rejects.toThrow(/paused\.json is damaged/)
})

test.each([
  '',
  '{"prefix":"homeass',
  '{"prefix":""}',
  '{"prefix":7}',
  'null',
  '[]',
  '"homeassistant"',
])('a damaged discovery prefix counts as none: %s', async (text) => {
  const discoveryPrefix = openDiscoveryPrefix(directoryWith('home-assistant.json', text))

  expect(await discoveryPrefix.prefix()).toBeUndefined()
  await discoveryPrefix.keep('homeassistant')
  expect(await discoveryPrefix.prefix()).toBe('homeassistant')
})

test('a damaged last run and damaged starts count as none', async () => {
  const directory = directoryWith('last-run.json', '{"at":"noon"')
  writeFileSync(join(directory, 'starts.json'), '{"8021": "noon"')

  expect((await openLastRun(directory)).at).toBeUndefined()
  const starts = await openStartThrottle(directory, fakeClock(), noCredentials)
  expect(await starts.lastAt('8021')).toBeUndefined()
  await starts.note('8021')
  const again = await openStartThrottle(directory, fakeClock(), noCredentials)
  expect(await again.lastAt('8021')).toBe(start)
})

test('starts that are noted at the same time are all in the file', async () => {
  const directory = temporaryDirectory()
  const starts = await openStartThrottle(directory, fakeClock(), noCredentials)
  const accounts = Array.from({ length: 50 }, (_, number) => String(number))

  await Promise.all(accounts.map((account) => starts.note(account)))

  const kept: unknown = JSON.parse(readFileSync(join(directory, 'starts.json'), 'utf8'))
  expect(kept).toEqual(Object.fromEntries(accounts.map((account) => [account, start])))
})

test('starts older than an hour leave the file with the next one', async () => {
  const directory = temporaryDirectory()
  const clock = fakeClock()
  const starts = await openStartThrottle(directory, clock, noCredentials)
  await starts.note('8021')
  await clock.advance(60 * 60_000)

  await starts.note('9000')

  expect(readFileSync(join(directory, 'starts.json'), 'utf8')).not.toContain('8021')
})

test('files are for their owner only, and a forgotten prefix leaves none', async () => {
  const directory = temporaryDirectory()
  const pauses = await openPauses(directory)
  await pauses.set('8021', true)
  await openInstallation(directory, systemClock)
  await openDiscoveryPrefix(directory).keep('homeassistant')
  await openDiscoveryPrefix(directory).forget()

  expect(readdirSync(directory).sort()).toEqual(['install.json', 'paused.json'])
  for (const name of readdirSync(directory)) {
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  }
  expect(await pauses.isPaused(aModule())).toBe(true)
})

test('a discovery prefix whose directory is gone cannot be kept', async () => {
  const discoveryPrefix = openDiscoveryPrefix(join(temporaryDirectory(), 'gone'))

  expect(await discoveryPrefix.prefix()).toBeUndefined()
  await expect(discoveryPrefix.keep('homeassistant')).rejects.toThrow(StoreFailed)
})
