import { expect, test } from 'vitest'
import { followLogins, type LoginChanges, loginChanges } from '../../../src/accounts/credential-watcher.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const login = (key: string, token = 'a') => someCredentials({ key, refreshToken: new Secret(token) })
const used = (key: string, token?: string) => ({ login: login(key, token), kept: login(key, token) })
const none = new Map<string, string>()

test('what is new enters, what is missing leaves, what is the same stays', () => {
  const changes = loginChanges([used('one'), used('two')], [login('two'), login('three')], none)

  expect(changes.entered.map(({ key }) => key)).toEqual(['three'])
  expect(changes.left).toEqual(['one'])
})

test('a token that differs counts only when it still does at the next look', () => {
  const first = loginChanges([used('one', 'old')], [login('one', 'new')], none)
  const second = loginChanges([used('one', 'old')], [login('one', 'new')], first.strange)
  const settled = loginChanges([used('one', 'new')], [login('one', 'new')], first.strange)

  expect([first.entered, first.left]).toEqual([[], []])
  expect([second.entered.map(({ key }) => key), second.left]).toEqual([['one'], ['one']])
  expect([settled.entered, settled.left, settled.strange.size]).toEqual([[], [], 0])
})

test('a login in use stays when its file is damaged, and one that was damaged enters when it is whole', () => {
  const damaged = { ...login('one', ''), unusable: { message: 'damaged', remedy: 'Sign in.' } }
  const whole = login('one', 'new')

  const during = loginChanges([used('one')], [damaged], none)
  const first = loginChanges([{ login: damaged, kept: damaged }], [whole], none)
  const second = loginChanges([{ login: damaged, kept: damaged }], [whole], first.strange)

  expect([during.entered, during.left, during.strange.size]).toEqual([[], [], 0])
  expect([second.entered, second.left]).toEqual([[whole], ['one']])
})

test('a rotated token that the disk has not taken is no change by somebody else', () => {
  const rotated = { login: login('one', 'new'), kept: login('one', 'old') }

  const first = loginChanges([rotated], [login('one', 'old')], none)
  const second = loginChanges([rotated], [login('one', 'old')], first.strange)
  expect([second.entered, second.left]).toEqual([[], []])

  // A person signs in meanwhile.
  const other = loginChanges([rotated], [login('one', 'other')], second.strange)
  const again = loginChanges([rotated], [login('one', 'other')], other.strange)
  expect(again.left).toEqual(['one'])
})

test('the files are read only when the directory has changed, and trouble is told once', async () => {
  const clock = fakeClock()
  const log = listLog()
  const over = new AbortController()
  const applied: LoginChanges[] = []
  const disk: { changedAt: number | StoreFailed; logins: readonly Credentials[]; reads: number } = {
    changedAt: 1,
    logins: [],
    reads: 0,
  }
  const following = followLogins(
    {
      logins: {
        async changedAt() {
          if (disk.changedAt instanceof StoreFailed) throw disk.changedAt
          return disk.changedAt
        },
        async list() {
          disk.reads++
          return disk.logins
        },
      },
      inUse: () => applied.flatMap(({ entered }) => entered.map((one) => ({ login: one, kept: one }))),
      apply: async (changes) => void applied.push(changes),
      clock,
      log,
    },
    over.signal,
  )
  await clock.advance(20_000)
  expect(disk.reads).toBe(1)

  disk.changedAt = 2
  disk.logins = [login('one')]
  await clock.advance(2_000)
  expect(applied.map(({ entered }) => entered.map(({ key }) => key))).toEqual([['one']])

  disk.changedAt = new StoreFailed('cannot look')
  await clock.advance(20_000)
  expect(log.lines).toHaveLength(1)

  over.abort()
  await following
})
