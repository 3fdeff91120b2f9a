/** What an instance does with the jobs of an account. */
import { expect, test } from 'vitest'
import type { Account } from '../../../src/accounts/account.ts'
import { AccountWork, type AccountWorkNeeds } from '../../../src/fleet/account-work.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'

test('two jobs of one account are worked on one after another', async () => {
  const account = { accountId: '8021', lost: new AbortController().signal } as Account
  const course: string[] = []
  const released = () => void course.push('released')
  const needs = {
    held: {
      leaseMs: 25_000,
      leave: () => undefined,
      drop: () => undefined,
      acquire: async () => {
        course.push('acquired')
        return { accountId: '8021', lastRun: undefined, isFresh: true }
      },
      release: async () => released(),
    },
    storage: { leases: { waiting: async () => 0 }, commands: { waiting: async () => [] } },
    registry: {
      take: async () => account,
      release: async () => {
        released()
        return {}
      },
      lose: () => undefined,
      get: () => account,
    },
    parts: {
      runner: { runOne: async () => undefined, runShared: async () => undefined },
      clips: undefined,
      isConnected: () => true,
    },
    offsetOf: () => 0,
    stopping: new AbortController().signal,
    ...{ clock: fakeClock(), log: readableLog() },
  } as unknown as AccountWorkNeeds
  const work = new AccountWork(needs)
  const job = { accountId: '8021', task: { first: true }, resumed: false }

  await Promise.all([work.handle(job), work.handle(job)])

  const turns = course.filter((what, index) => what !== course[index - 1])
  expect(turns).toEqual(['acquired', 'released', 'acquired', 'released'])
})
