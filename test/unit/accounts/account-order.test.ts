/** When an account is asked: one tick at a time, in its turn, and not right after one that failed. */
import { expect, test } from 'vitest'
import { CloudRefused } from '../../../src/domain/errors.ts'
import { aWorld } from '../../support/account-world.ts'
import { finish, slot } from '../../support/scripted.ts'

const refusedOnce = new CloudRefused('request: 404', { outcome: 'not-done', status: 404 })

test.each([
  ['list', { discover: refusedOnce }, ['discover', 'discover', 'manifest']],
  ['module', { manifest: refusedOnce }, ['discover', 'manifest', 'discover', 'manifest']],
])('a slot right after a run whose %s was refused waits two seconds', async (_, refusals, all) => {
  const { account, clock, trouble, asked, tick } = aWorld()
  Object.assign(trouble, refusals)
  await tick()
  const before = asked.length
  for (const what of ['discover', 'manifest'] as const) trouble[what] = undefined

  const next = account.tick({ ...slot, tickId: 'next' })
  await clock.advance(1_999)
  expect(asked).toHaveLength(before)
  await clock.advance(1)
  await finish(next, clock)

  expect(asked).toEqual(all)
})

test('a stop ends the wait of a slot after a failed run, and nothing is requested', async () => {
  const stopping = new AbortController()
  const { account, trouble, asked, tick } = aWorld({ stopping: stopping.signal })
  trouble.discover = refusedOnce
  await tick()

  const next = account.tick(slot)
  stopping.abort(new Error('stopped'))

  expect(await next).toBeUndefined()
  expect(asked).toEqual(['discover'])
})

test('a slot that comes while the last tick is still running is skipped and logged', async () => {
  const { account, clock, log, asked } = aWorld()
  const first = account.tick(slot)

  expect(await account.tick({ ...slot, tickId: 'next' })).toBeUndefined()
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { account_id: '8021', tick: 'next' } }])

  expect(await finish(first, clock)).toMatchObject({ status: 'ok' })
  expect(asked).toEqual(['discover', 'manifest'])
  expect(await finish(account.tick(slot), clock)).toMatchObject({ status: 'ok' })
})

test('the time an account has waited for its turn is gone from its slot', async () => {
  const { account, asked, clock } = aWorld({
    turns: {
      async take(work) {
        await clock.sleep(slot.budgetMs)
        return work(clock)
      },
    },
  })

  const ticked = await finish(account.tick(slot), clock)

  expect(asked).toEqual(['discover'])
  expect(ticked?.report?.modules).toMatchObject([{ reason: 'out_of_time', attempts: 0 }])
})

test('an account whose turn never comes has no run, but a command need not wait', async () => {
  const { account, asked, clock } = aWorld({ turns: { take: async () => undefined } })

  expect(await account.tick(slot)).toBeUndefined()
  expect(asked).toEqual([])

  const all = { list: true, wants: () => true }
  expect(
    await finish(
      account.command(slot, () => all),
      clock,
    ),
  ).toMatchObject({ status: 'ok' })
  expect(asked).toEqual(['discover', 'manifest'])
})
