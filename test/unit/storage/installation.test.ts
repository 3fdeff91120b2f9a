import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openInstall } from '../../../src/storage/installation.ts'
import { temporaryDirectory } from '../../support/samples.ts'

test('the first start makes an installation id and a hardware id', async () => {
  const { installId, hardwareId } = await openInstall(temporaryDirectory(), systemClock)

  expect(installId).toMatch(/^[0-9a-f]{8}$/)
  expect(hardwareId).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/)
  expect(hardwareId.toLowerCase()).not.toContain(installId)
})

test('every later start finds the same ids', async () => {
  const directory = temporaryDirectory()
  const first = await openInstall(directory, systemClock)

  expect(await openInstall(directory, systemClock)).toEqual(first)
  expect(statSync(join(directory, 'install.json')).mode & 0o777).toBe(0o600)
})

test('two installations have different ids', async () => {
  const first = await openInstall(temporaryDirectory(), systemClock)
  const second = await openInstall(temporaryDirectory(), systemClock)

  expect(second.installId).not.toBe(first.installId)
  expect(second.hardwareId).not.toBe(first.hardwareId)
})

test('a damaged identity file is reported with its cost, not replaced', async () => {
  for (const text of ['', '{', '{"install_id": "../../x", "hardware_id": "1"}']) {
    const directory = temporaryDirectory()
    const path = join(directory, 'install.json')
    writeFileSync(path, text)

    const error = await openInstall(directory, systemClock).catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(StoreFailed)
    expect(error).toMatchObject({ message: `${path} is damaged` })
    expect(error).toHaveProperty('remedy', expect.stringContaining('new installation id'))
    expect(readFileSync(path, 'utf8')).toBe(text)
  }
})
