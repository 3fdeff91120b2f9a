import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLastRun } from '../../../src/storage/last-run.ts'
import { temporaryDirectory } from '../../support/samples.ts'

test('the last run outlives the process, and a damaged note counts as none', async () => {
  const directory = temporaryDirectory()
  const first = await openLastRun(directory)
  expect(first.at).toBeUndefined()

  await first.keep(1_792_888_200_000)
  expect((await openLastRun(directory)).at).toBe(1_792_888_200_000)

  writeFileSync(join(directory, 'last-run.json'), '{"at":"noon"')
  expect((await openLastRun(directory)).at).toBeUndefined()
})
