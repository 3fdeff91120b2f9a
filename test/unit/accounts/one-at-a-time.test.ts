/** A sync module takes one command at a time, whatever requests it: accounts that share it, runs, commands, a list that names it twice. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRegistry } from '../../../src/accounts/registry.ts'
import type { Trigger } from '../../../src/domain/model.ts'
import { accountNeeds, runnerOf, throttledAnswer } from '../../support/account-fixture.ts'
import { type Answered, someCredentials } from '../../support/blink-scripted.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { answerLost, notSent } from '../../support/scripted.ts'

const trigger = fc.constantFrom<Trigger>('schedule', 'start', 'command', 'once')
const request = fc.record({ trigger, afterMs: fc.integer({ min: 0, max: 40_000 }) })

const accepted: Answered = [200, { id: 501, network_id: 44107 }]
const busy: Answered = [409, { code: 307 }]
const answer = fc.constantFrom<Answered>(accepted, accepted, busy, busy, notSent, answerLost, throttledAnswer)

/** Three modules, each in two networks of one list. */
const modules = ['500', '501', '502'].flatMap((id) =>
  ['44107', '44999'].map((network) => ({
    id: Number(id),
    network_id: Number(network),
    status: 'online',
    onboarded: true,
  })),
)
const homescreen: Answered = [200, { networks: [], sync_modules: [...modules, ...modules] }]

test('no module ever has two commands in flight, whatever is answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 8 }),
      fc.array(answer, { minLength: 1 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 20_000 }),
      async (requests, answers, parallel, answerMs) => {
        const clock = fakeClock()
        const inFlight = new Map<string, number>()
        let [most, sent] = [0, 0]
        const parts = await accountNeeds({
          clock,
          async onCall({ kind, url }) {
            if (kind === 'homescreen') return homescreen
            if (kind !== 'manifest_request') return undefined
            const module = /sync_modules\/(\d+)/.exec(url)?.[1] ?? ''
            const now = (inFlight.get(module) ?? 0) + 1
            inFlight.set(module, now)
            most = Math.max(most, now)
            const said = answers[sent++ % answers.length]
            await clock.sleep(answerMs)
            inFlight.set(module, (inFlight.get(module) ?? 0) - 1)
            return said
          },
        })
        const registry = createRegistry(parts.needs)
        const added = ['8021', '8022'].map((accountId) =>
          someCredentials({ key: `${accountId}-a`, accountId }),
        )
        await registry.apply({ added, removed: [] })
        const { runner } = runnerOf(registry.accounts, { ...parts, registry, parallel })
        const running: Promise<unknown>[] = []
        for (const { trigger, afterMs } of requests) {
          await clock.advance(afterMs)
          if (trigger === 'once') running.push(runner.once())
          else if (trigger !== 'command') running.push(runner.run(trigger))
          else {
            const choose = async () => ({ list: true, wants: () => true })
            running.push(runner.command(registry.accounts.map((account) => ({ account, choose }))))
          }
        }
        let isOver = false
        const over = Promise.all(running).then(() => {
          isOver = true
        })
        // Runs wait for one another, and busy modules for a minute, so that nobody knows how long it takes.
        for (let minutes = 0; !isOver && minutes < 600; minutes++) await clock.advance(60_000)
        expect(isOver).toBe(true)
        await over

        expect(most).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 40 },
  )
})
