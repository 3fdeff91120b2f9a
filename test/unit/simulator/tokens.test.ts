import { expect, test } from 'vitest'
import { Tokens } from '../../../src/simulator/tokens.ts'
import { FakeTime } from '../../support/visitor.ts'

test('an access token is good until the end of its life and not a millisecond longer', () => {
  const time = new FakeTime()
  const tokens = new Tokens(time)
  const bearer = `Bearer ${tokens.issueAccess(8021, 60)}`

  time.advance(59_999)
  expect(tokens.accountOf(bearer)).toBe(8021)
  time.advance(1)
  expect(tokens.accountOf(bearer)).toBeUndefined()
})

test('a new access token leaves the older ones good', () => {
  const tokens = new Tokens(new FakeTime())
  const older = tokens.issueAccess(8021, 60)

  tokens.issueAccess(8021, 60)

  expect(tokens.accountOf(`Bearer ${older}`)).toBe(8021)
})

test('access tokens can be ended for one account alone', () => {
  const tokens = new Tokens(new FakeTime())
  const mine = tokens.issueAccess(1, 60)
  const theirs = tokens.issueAccess(2, 60)

  tokens.expireAccess(1)

  expect(tokens.accountOf(`Bearer ${mine}`)).toBeUndefined()
  expect(tokens.accountOf(`Bearer ${theirs}`)).toBe(2)
})

test('a header without a bearer token stands for nobody', () => {
  const tokens = new Tokens(new FakeTime())

  expect(tokens.accountOf(undefined)).toBeUndefined()
  expect(tokens.accountOf('Basic abc')).toBeUndefined()
})
