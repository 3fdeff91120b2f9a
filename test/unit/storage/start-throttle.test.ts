/** When logins were asked on start, and that a kill does not make us forget it. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openStarts } from '../../../src/storage/start-throttle.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { start, temporaryDirectory } from '../../support/samples.ts'

const hourMs = 60 * 60_000

test('once it is noted that a login is asked, the next process knows it', async () => {
  const directory = temporaryDirectory()
  const clock = fakeClock()
  await (await openStarts(directory, clock)).note('login-1')

  await clock.advance(5_000)
  const next = await openStarts(directory, clock)

  expect(next.lastAt('login-1')).toBe(start)
  expect(next.lastAt('login-2')).toBeUndefined()
  expect(statSync(join(directory, 'starts.json')).mode & 0o777).toBe(0o600)
})

test('many logins that are noted at the same time are all in the file', async () => {
  const directory = temporaryDirectory()
  const starts = await openStarts(directory, fakeClock())
  const logins = Array.from({ length: 50 }, (_, number) => `login-${number}`)

  await Promise.all(logins.map((login) => starts.note(login)))

  const kept: unknown = JSON.parse(readFileSync(join(directory, 'starts.json'), 'utf8'))
  expect(kept).toEqual(Object.fromEntries(logins.map((login) => [login, start])))
})

test('what is an hour old, or ahead of a clock set back, is dropped', async () => {
  const directory = temporaryDirectory()
  const clock = fakeClock()
  const starts = await openStarts(directory, clock)
  await starts.note('old')
  await clock.advance(hourMs)
  await starts.note('new')

  expect(starts.lastAt('old')).toBeUndefined()
  expect(readFileSync(join(directory, 'starts.json'), 'utf8')).not.toContain('old')
  clock.setWall(start)
  expect(starts.lastAt('new')).toBeUndefined()
})

test('a note that cannot be written is told, and the next one may well be', async () => {
  const directory = temporaryDirectory()
  const clock = fakeClock()
  const missing = join(directory, 'not-there')
  const starts = await openStarts(missing, clock)
  await expect(starts.note('login-1')).rejects.toThrow(StoreFailed)
  mkdirSync(missing)
  await starts.note('login-1')
  expect((await openStarts(missing, clock)).lastAt('login-1')).toBe(start)

  const damaged = temporaryDirectory()
  writeFileSync(join(damaged, 'starts.json'), '{"login-1": "noon"')
  const others = await openStarts(damaged, clock)
  expect(others.lastAt('login-1')).toBeUndefined()
  await others.note('login-1')
  expect((await openStarts(damaged, clock)).lastAt('login-1')).toBe(start)
})
