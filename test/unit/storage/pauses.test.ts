/** Which modules are paused, and that a restart does not change it. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { isPaused, openPauses, withRule } from '../../../src/storage/pauses.ts'
import { aModule, temporaryDirectory } from '../../support/samples.ts'

const hall = aModule()
const barn = aModule({ networkId: '44108', syncModuleId: '9' })

test('a pause holds for all that it covers, and for what is found later', () => {
  expect(isPaused({}, hall)).toBe(false)
  expect(isPaused(withRule({}, '', true), hall)).toBe(true)
  expect(isPaused(withRule({}, '8021', true), barn)).toBe(true)
  expect(isPaused(withRule({}, '8021/44107', true), barn)).toBe(false)
})

test('one module can go on while all others are paused', () => {
  const rules = withRule(withRule({}, '', true), '8021/44107/350221', false)

  expect(isPaused(rules, hall)).toBe(false)
  expect(isPaused(rules, barn)).toBe(true)
})

test('a word about all overrules what was said about parts', () => {
  const rules = withRule(withRule({}, '8021/44107/350221', true), '8021', false)

  expect(isPaused(rules, hall)).toBe(false)
  expect(rules).toEqual({ '8021': false })
  expect(withRule({ '80210': true }, '8021', true)).toEqual({ '80210': true, '8021': true })
})

test('a pause is kept over a restart, readable by its owner only', async () => {
  const directory = temporaryDirectory()
  const pauses = await openPauses(directory)
  await pauses.set('8021/44107/350221', true)

  const again = await openPauses(directory)

  expect(again.isPaused(hall)).toBe(true)
  expect(again.isPaused(barn)).toBe(false)
  expect(statSync(join(directory, 'paused.json')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(directory, 'paused.json'), 'utf8')).toContain('8021/44107/350221')
})

test('a damaged file is told and not taken for "nothing is paused"', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'paused.json'), '{"paused": ["x"]}')

  await expect(openPauses(directory)).rejects.toThrow(/paused\.json is damaged/)
})

test('pauses that are set at the same time, as by a group of switches, are all kept', async () => {
  const directory = temporaryDirectory()
  const pauses = await openPauses(directory)

  await Promise.all([pauses.set('8021/44107', true), pauses.set('8021/44108', true), pauses.set('9', true)])

  const kept = await openPauses(directory)
  for (const one of [pauses, kept]) {
    expect([hall, barn, aModule({ accountId: '9' })].map(one.isPaused)).toEqual([true, true, true])
  }
})

test('a pause that cannot be kept does not stand in the way of the next', async () => {
  const directory = join(temporaryDirectory(), 'logins')
  const pauses = await openPauses(directory)
  const lost = pauses.set('8021', true)
  await expect(lost).rejects.toThrow(StoreFailed)
  mkdirSync(directory)

  await pauses.set('9', true)

  expect([hall, aModule({ accountId: '9' })].map(pauses.isPaused)).toEqual([false, true])
})
