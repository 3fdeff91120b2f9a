import { expect, test } from 'vitest'
import { credentialChanges, watchCredentials } from '../../../src/accounts/credential-watcher.ts'
import type { CredentialChanges } from '../../../src/accounts/registry.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'
import { fakeClock } from '../../support/fake-clock.ts'

/** Credentials of an account of their own. */
const credentials = (key: string, token = 'a') =>
  someCredentials({ key, accountId: `account of ${key}`, refreshToken: new Secret(token) })
const used = (key: string, token?: string) => {
  return { credentials: credentials(key, token), kept: credentials(key, token) }
}
const keys = (all: readonly Credentials[]) => all.map(({ key }) => key)
const none = new Map<string, string>()

test('new credentials are added, missing ones removed, equal ones left alone', () => {
  const changes = credentialChanges(
    [used('one'), used('two')],
    [credentials('two'), credentials('three')],
    none,
  )

  expect(keys(changes.added)).toEqual(['three'])
  expect(changes.removed).toEqual(['one'])
})

test('a token that differs counts only when it still does at the next look', () => {
  const first = credentialChanges([used('one', 'old')], [credentials('one', 'new')], none)
  const second = credentialChanges([used('one', 'old')], [credentials('one', 'new')], first.strange)
  const settled = credentialChanges([used('one', 'new')], [credentials('one', 'new')], first.strange)

  expect([first.added, first.removed]).toEqual([[], []])
  expect([keys(second.added), second.removed]).toEqual([['one'], []])
  expect([settled.added, settled.removed, settled.strange.size]).toEqual([[], [], 0])
})

test('of two credentials of one account those in use stay until they are refused or gone', () => {
  const one: Credentials = { ...credentials('one'), accountId: '8021' }
  const two: Credentials = { ...credentials('two'), accountId: '8021' }
  const refused: Credentials = { ...one, refusedAt: 1 }
  const added = (ours: Credentials, found: readonly Credentials[]) =>
    keys(credentialChanges([{ credentials: ours, kept: ours }], found, none).added)

  expect(added(one, [one, two])).toEqual([])
  expect(added(two, [one, two])).toEqual([])
  expect(added(one, [two])).toEqual(['two'])
  expect(added(refused, [refused, two])).toEqual(['two'])
  expect(added(two, [refused, two])).toEqual([])
})

test('credentials in use stay when their file is damaged, and a mended file is taken over', () => {
  const damaged = { ...credentials('one', ''), unusable: { message: 'damaged', remedy: 'Sign in.' } }
  const whole = credentials('one', 'new')
  const inUse = [{ credentials: damaged, kept: damaged }]

  const during = credentialChanges([used('one')], [damaged], none)
  const first = credentialChanges(inUse, [whole], none)
  const second = credentialChanges(inUse, [whole], first.strange)

  expect([during.added, during.removed, during.strange.size]).toEqual([[], [], 0])
  expect([second.added, second.removed]).toEqual([[whole], []])
})

test('a rotated token that is not on disk yet is not a change of somebody else', () => {
  const rotated = { credentials: credentials('one', 'new'), kept: credentials('one', 'old') }

  const first = credentialChanges([rotated], [credentials('one', 'old')], none)
  const second = credentialChanges([rotated], [credentials('one', 'old')], first.strange)
  expect([second.added, second.removed]).toEqual([[], []])

  // A person signs in meanwhile.
  const other = credentialChanges([rotated], [credentials('one', 'other')], second.strange)
  const again = credentialChanges([rotated], [credentials('one', 'other')], other.strange)
  expect(keys(again.added)).toEqual(['one'])
})

test('files are read only when the directory has changed, and trouble is logged once', async () => {
  const clock = fakeClock()
  const log = listLog()
  const over = new AbortController()
  const applied: CredentialChanges[] = []
  const disk: { changedAt: number | StoreFailed; found: readonly Credentials[]; reads: number } = {
    changedAt: 1,
    found: [],
    reads: 0,
  }
  const watching = watchCredentials(
    {
      credentials: {
        async changedAt() {
          if (disk.changedAt instanceof StoreFailed) throw disk.changedAt
          return disk.changedAt
        },
        async list() {
          disk.reads++
          return disk.found
        },
      },
      inUse: () => applied.flatMap(({ added }) => added.map((one) => ({ credentials: one, kept: one }))),
      apply: async (changes) => void applied.push(changes),
      clock,
      log,
    },
    over.signal,
  )
  await clock.advance(20_000)
  expect(disk.reads).toBe(1)

  disk.changedAt = 2
  disk.found = [credentials('one')]
  await clock.advance(2_000)
  expect(applied.map(({ added }) => keys(added))).toEqual([['one']])

  disk.changedAt = new StoreFailed('cannot look')
  await clock.advance(20_000)
  expect(log.lines).toHaveLength(1)

  over.abort()
  await watching
})
