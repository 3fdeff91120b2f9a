/** A sync module takes one command at a time, whatever asks: accounts that share it, slots, starts, commands, a list that names it twice. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openAccount } from '../../../src/accounts/account.ts'
import { guard } from '../../../src/accounts/circuit-breaker.ts'
import { createModuleLock, locking } from '../../../src/accounts/module-lock.ts'
import type { ModuleKey, SyncModule, Trigger } from '../../../src/domain/model.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { turnsFor } from '../../../src/scheduler/turns.ts'
import { unlimited } from '../../support/account-world.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'
import { answerLost, busy, modulesNamed, notSent } from '../../support/scripted.ts'

const asking = fc.record({
  trigger: fc.constantFrom<Trigger>('schedule', 'start', 'command', 'once'),
  afterMs: fc.integer({ min: 0, max: 40_000 }),
})

/** The same module, as a list that names it in another network does. */
const elsewhere = (module: SyncModule): SyncModule => ({ ...module, networkId: '44999' })

test('no module ever has two commands in flight, whatever is answered', async () => {
  const answers = fc.array(fc.constantFrom('id', 'id', busy, busy, notSent, answerLost), { minLength: 1 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(asking, { minLength: 1, maxLength: 8 }),
      answers,
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 20_000 }),
      async (askings, said, parallel, answerMs) => {
        const clock = fakeClock()
        const inFlight = new Map<string, number>()
        const modules = modulesNamed('Hall', 'Barn', 'Attic')
        const lock = createModuleLock()
        let [most, asked] = [0, 0]
        const cloud = {
          identify: async () => ({ accountId: '8021' }),
          discover: async () => [...modules, ...modules, ...modules.map(elsewhere)],
          async requestManifest({ syncModuleId: key }: ModuleKey) {
            const now = (inFlight.get(key) ?? 0) + 1
            inFlight.set(key, now)
            most = Math.max(most, now)
            const answer = said[asked++ % said.length]
            await clock.sleep(answerMs)
            inFlight.set(key, (inFlight.get(key) ?? 0) - 1)
            if (answer instanceof Error) throw answer
            return { requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }
          },
        }
        const never = new AbortController().signal
        const accounts = ['8021', '8022'].map((accountId) =>
          openAccount(
            {
              ...{
                loginKey: `login-${accountId}`,
                accountId,
                cloud: locking(cloud, lock),
                clock,
                log: readableLog(),
                parallel,
              },
              guard: guard({
                breaker: closedBreaker,
                budget: unlimited,
                clock,
                save: () => Promise.resolve(),
              }),
              ledger: {
                trouble: undefined,
                modulesOf: () => modules,
                seen: async () => ({ found: [], renamed: [], altered: [], gone: [] }),
                record: () => Promise.resolve(),
              },
              turns: turnsFor(1, clock),
              reasonToSkip: () => undefined,
              isAnswered: () => false,
              ttlMs: 600_000,
              listed: () => undefined,
              tell: () => undefined,
              ticked: () => undefined,
              changed: () => undefined,
              ...{ stopping: never, abort: never },
            },
            {},
          ),
        )
        const ticks: Promise<unknown>[] = []
        for (const { trigger, afterMs } of askings) {
          await clock.advance(afterMs)
          const slot = { tickId: `at ${clock.elapsed()}`, trigger, budgetMs: 120_000 }
          ticks.push(...accounts.map((account) => account.tick(slot)))
        }
        await clock.advance(900_000)
        await Promise.all(ticks)

        expect(most).toBe(1)
      },
    ),
    { numRuns: 40 },
  )
})
