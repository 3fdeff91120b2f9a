/** The judge of the chaos run: who asked with a reason, and who did not. */
import { expect, test } from 'vitest'
import type { Call } from '../../../src/simulator/server.ts'
import type { Life } from '../../chaos/lives.ts'
import { judgeRequests } from '../../chaos/politeness.ts'

/** A slot of every schedule in here. */
const slot = Date.parse('2026-11-23T09:00:00.000Z')

const life: Life = {
  startedAt: slot - 700,
  endedAt: slot + 60_000,
  start: { everySeconds: 2, perAccount: 1 },
  end: 'killed',
  moment: 'any',
  exitCode: null,
  stopMs: undefined,
}

/** A request for the home screen, so long after the slot. */
const home = (afterMs: number, status: number, fault?: string): Call => ({
  at: slot + afterMs,
  endedAt: slot + afterMs + 2,
  method: 'GET',
  path: '/e008/api/v3/accounts/8001/homescreen',
  kind: 'homescreen',
  accountId: 8001,
  status,
  ...(fault !== undefined && { fault }),
})

const judge = (...calls: readonly Call[]) =>
  judgeRequests({
    calls,
    lives: [life],
    signIns: [],
    followed: false,
    accessTokenMs: 45_000,
    timeoutMs: 3_000,
  })

test('a run at startup may come in the last moment before a scheduled one', () => {
  expect(judge(home(-12, 200), home(3, 200))).toEqual([])
  expect(judge(home(-12, 500), home(1_990, 200))).toEqual([])
})

test('a run has one list', () => {
  expect(judge(home(3, 200), home(40, 200))).toEqual([expect.stringContaining('in the same run')])
})

test('no list is requested in the moment after it was refused, not even by a run', () => {
  const complaint = [expect.stringContaining('again after 13 ms')]

  expect(judge(home(-12, 500), home(3, 200))).toEqual(complaint)
  expect(judge(home(-112, 500), home(-97, 200))).toEqual(complaint)
})

test('a list that came late or was refused for its token is no reason to wait', () => {
  expect(judge(home(-112, 200, 'slow'), home(3, 200))).toEqual([])
  expect(judge(home(3, 401), home(30, 200))).toEqual([])
})

test('a token may be renewed after a refusal that names nobody, and not otherwise', () => {
  const call = (kind: string, afterMs: number, differing: Partial<Call>): Call => ({
    ...{ ...home(afterMs, 200), kind, path: `/${kind}` },
    ...differing,
  })
  const first = call('token', -500, {})
  const renewed = call('token', 40, {})

  expect(judge(first, home(3, 404), renewed)).toEqual([expect.stringContaining('renewed a token')])
  const turnedAway = call('tier-info', 10, { status: 401 })
  const { accountId, ...nameless } = turnedAway
  expect(accountId).toBe(8001)
  expect(judge(first, home(3, 404), nameless, renewed, call('tier-info', 60, {}))).toEqual([])
})
