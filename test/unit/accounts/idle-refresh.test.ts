import { expect, test } from 'vitest'
import { keepFresh } from '../../../src/accounts/idle-refresh.ts'
import { listLog, type Reply } from '../../support/blink-scripted.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { formOf, rotating, stage } from '../../support/staged-session.ts'

const hour = 60 * 60 * 1000
const through = <T>(work: () => Promise<T>) => work()

function household(reply: (call: unknown, index: number) => Reply = rotating) {
  const clock = fakeClock()
  const staged = stage(reply, { clock })
  const over = new AbortController()
  const withdrawn: string[] = []
  const ways = [{ session: staged.session, guard: { through } }]
  const needs = { ways, withdrawn: (key: string) => void withdrawn.push(key), clock, log: listLog() }
  const ended = keepFresh(needs, over.signal)
  return { ...staged, clock, withdrawn, ended, over }
}

test('a login that no tick has refreshed for a day is refreshed, once a day', async () => {
  const { clock, http, refreshTokens, over, ended } = household()

  await clock.advance(23 * hour)
  expect(http.calls).toEqual([])
  await clock.advance(hour)
  expect(refreshTokens()).toEqual(['refresh-1'])
  await clock.advance(48 * hour)
  expect(refreshTokens()).toEqual(['refresh-1', 'refresh-2', 'refresh-3'])

  over.abort()
  await ended
})

test('a login that ticks refresh is left alone', async () => {
  const { clock, http, token, over, ended } = household()

  for (let hours = 0; hours < 48; hours += 12) {
    await token()
    await clock.advance(12 * hour)
  }

  expect(http.calls).toHaveLength(4)
  over.abort()
  await ended
})

test('a failed refresh is retried a day later, a refused one never', async () => {
  const answers: Reply[] = [
    [503, {}],
    [400, { error: 'invalid_grant' }],
  ]
  const { clock, http, withdrawn, over, ended } = household((_, index) => answers[index] ?? [200, {}])

  await clock.advance(30 * hour)
  expect([http.calls.length, withdrawn.length]).toEqual([1, 0])
  await clock.advance(96 * hour)

  expect(http.calls).toHaveLength(2)
  expect(formOf(http.calls[0]).get('grant_type')).toBe('refresh_token')
  expect(withdrawn).toEqual(['environment-1'])
  over.abort()
  await ended
})
