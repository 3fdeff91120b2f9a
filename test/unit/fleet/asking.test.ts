/** A command that several instances carry out, each for the accounts it owns. */
import { expect, test } from 'vitest'
import { memoryLimits } from '../../../src/commands/caller-limits.ts'
import type { Command, CommandResult } from '../../../src/domain/commands.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { AskedCommand, FleetCommands } from '../../../src/domain/fleet.ts'
import { type AskingNeeds, askingHandler } from '../../../src/fleet/asking.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { memoryLedger } from '../../support/memory-ledger.ts'
import { aModule } from '../../support/samples.ts'

const hall = aModule()
const boat = aModule({ name: 'Boat', accountId: '9001', networkId: '1', syncModuleId: '2' })

/** Two accounts, and owners that answer as the test has them answer. */
function asking({ carriesOut = (_: AskedCommand): CommandResult | undefined => undefined } = {}) {
  const clock = fakeClock()
  const asked: AskedCommand[] = []
  const woken: string[] = []
  const paused: [string, boolean][] = []
  let rescans = 0
  let isAway = false
  const commands: Pick<FleetCommands, 'ask' | 'results'> = {
    async ask(all) {
      asked.push(...all)
      return all.map((_, place) => String(asked.length - all.length + place))
    },
    async results(ids) {
      if (isAway) throw new StoreFailed('away')
      const answered = ids.flatMap((id): [string, CommandResult][] => {
        const command = asked[Number(id)]
        const result = command && carriesOut(command)
        return result ? [[id, result]] : []
      })
      return new Map(answered)
    },
  }
  const handle = askingHandler({
    accounts: { accounts: [{ accountId: '8021' }, { accountId: '9001' }], unidentified: [] },
    storage: {
      ledger: memoryLedger({ known: [hall, boat] }),
      pauses: { set: async (scope: string, is: boolean) => void paused.push([scope, is]) },
    },
    settings: {
      modules: { include: [], exclude: [], askAll: false },
      ...{ manifest: { follow: false }, clips: { enabled: false } },
    },
    observer: {
      moduleChanged: () => undefined,
      settingsChanged: () => undefined,
      rescanRequested: () => void rescans++,
    },
    logLevel: { get: () => 'info', set: () => undefined },
    wake: async (ids: readonly string[]) => void woken.push(...ids),
    ...{ commands, clock, limits: memoryLimits(clock) },
  } as unknown as AskingNeeds)
  return {
    ...{ asked, woken, paused, clock, rescans: () => rescans },
    setAway(is: boolean) {
      isAway = is
    },
    /** The answer, when so much time has passed. */
    async answer(command: Command, ms = 1_000): Promise<CommandResult> {
      const answering = handle(command)
      await clock.advance(ms)
      return answering
    },
  }
}

const requested = (count: number): CommandResult => ({
  data: {
    ...{ verb: 'manifest/request', requested: count, reused: 0, failed: 0, skipped: 0 },
    ...{ retryAt: undefined, modules: [] },
  },
})
const throttled: CommandResult = {
  error: { code: 'throttled', message: 'requested too often', retryable: true, retryAt: 5 },
}
const all = { verb: 'manifest/request', target: {} } as const

test('a request for all modules is asked of each account, and the answers are added up', async () => {
  const fleet = asking({ carriesOut: ({ accountId }) => requested(accountId === '8021' ? 1 : 2) })

  const { data } = await fleet.answer(all)

  expect(data).toMatchObject({ requested: 3 })
  expect(fleet.woken).toEqual(['8021', '9001'])
  expect(fleet.asked.map(({ command }) => command)).toEqual([
    { verb: 'manifest/request', target: { accountId: '8021' } },
    { verb: 'manifest/request', target: { accountId: '9001' } },
  ])
})

test('a request for one module is asked of its account alone', async () => {
  const fleet = asking({ carriesOut: () => requested(1) })
  const { accountId, networkId, syncModuleId } = boat

  await fleet.answer({ verb: 'manifest/request', target: { accountId, networkId, syncModuleId } })

  expect(fleet.asked).toEqual([
    {
      accountId: '9001',
      command: { verb: 'manifest/request', target: { accountId, networkId, syncModuleId } },
    },
  ])
})

test('what one account refuses is no error while another one was requested', async () => {
  const fleet = asking({ carriesOut: ({ accountId }) => (accountId === '8021' ? throttled : requested(1)) })

  const { error } = await fleet.answer(all)

  expect(error).toBeUndefined()
})

test('where nothing was requested the answer says what to wait for', async () => {
  const fleet = asking({ carriesOut: ({ accountId }) => (accountId === '9001' ? throttled : requested(0)) })

  const { error } = await fleet.answer(all)

  expect(error).toMatchObject({ code: 'throttled', retryAt: 5 })
})

test('an account whose owner does not answer in time is an error that may be tried again', async () => {
  const fleet = asking()

  const { error } = await fleet.answer(all, 80_000)

  expect(error).toMatchObject({ code: 'unanswered', retryable: true })
})

test('an answer is waited for while the database is away', async () => {
  const fleet = asking({ carriesOut: () => requested(1) })
  fleet.setAway(true)
  const answering = fleet.answer(all, 5_000)
  await fleet.clock.advance(4_000)
  fleet.setAway(false)

  await fleet.clock.advance(1_000)

  expect(await answering).toMatchObject({ data: { requested: 2 } })
})

test('a target that is not there is answered at once, with what is known', async () => {
  const fleet = asking()

  const { error } = await fleet.answer({ verb: 'manifest/request', target: { accountId: '7' } }, 0)

  expect(error).toMatchObject({ code: 'unknown_target' })
  expect(error?.message).toContain('8021, 9001')
  expect(fleet.asked).toEqual([])
})

test('a pause is kept for all instances without any of them being asked', async () => {
  const fleet = asking()

  const { data } = await fleet.answer({ verb: 'pause', target: { accountId: '9001' } }, 0)

  expect(data).toEqual({ verb: 'pause', modules: 1, paused: true })
  expect(fleet.paused).toEqual([['9001', true]])
  expect(fleet.asked).toEqual([])
})

test('a rescan lists every account, and publishes all documents once', async () => {
  const listed = { verb: 'rescan', accounts: 1, modules: 7, found: 1, renamed: 0, gone: 0 } as const
  const fleet = asking({ carriesOut: () => ({ data: listed }) })

  const { data } = await fleet.answer({ verb: 'rescan' })

  expect(data).toEqual({ ...listed, accounts: 2, modules: 2, found: 2 })
  expect(fleet.rescans()).toBe(1)
})
