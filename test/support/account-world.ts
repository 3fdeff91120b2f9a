/** An account over a cloud, a disk and a clock that fail as the test says. */
import { type Account, type AccountNeeds, openAccount } from '../../src/accounts/account.ts'
import { guard } from '../../src/accounts/circuit-breaker.ts'
import type { Credentials, ModuleReport, Run } from '../../src/domain/model.ts'
import type { Cloud, Ledger } from '../../src/domain/ports.ts'
import { type Breaker, closedBreaker } from '../../src/domain/retry-policy.ts'
import { turnsFor } from '../../src/scheduler/turns.ts'
import { fakeClock } from './fake-clock.ts'
import { aModule, readableLog } from './samples.ts'
import { finish, slot } from './scripted.ts'

/** A budget that is never used up. */
export const unlimited = { limit: Number.POSITIVE_INFINITY, usedUpUntil: undefined, spend: () => undefined }

export interface Trouble {
  identify?: Error | undefined
  discover?: Error | undefined
  manifest?: Error | undefined
  keep?: Error | undefined
  save?: Error | undefined
}

type Refusal = Partial<Pick<Credentials, 'refusedAt' | 'refusedFor'>>

/** An account over a guarded cloud with one module, and what may be wrong with each part. */
export function aWorld(
  differing: Partial<AccountNeeds> & Refusal & { breaker?: Breaker } = {},
  clock = fakeClock(),
) {
  const { breaker = closedBreaker, refusedAt, refusedFor, ...needs } = differing
  const log = readableLog()
  const trouble: Trouble = {}
  const [asked, states, told]: [string[], string[], [ModuleReport, Run][]] = [[], [], []]
  const meet = (what: keyof Trouble) => {
    asked.push(what)
    if (trouble[what]) throw trouble[what]
  }
  const cloud: Cloud = {
    async discover() {
      meet('discover')
      return [aModule()]
    },
    async requestManifest() {
      meet('manifest')
      await clock.sleep(1_000)
      return { requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }
    },
  }
  const ledger: Ledger = {
    trouble: undefined,
    modulesOf: () => [aModule()],
    seen: async () => ({ found: [], renamed: [], altered: [], gone: [] }),
    async record() {
      if (trouble.keep) throw trouble.keep
    },
  }
  const saved: Breaker[] = []
  const save = async (kept: Breaker) => {
    if (trouble.save) throw trouble.save
    saved.push(kept)
  }
  const never = new AbortController().signal
  const account: Account = openAccount(
    {
      loginKey: 'login-1',
      accountId: '8021',
      cloud: {
        ...cloud,
        async identify() {
          meet('identify')
          return { accountId: '8021' }
        },
      },
      guard: guard({ breaker, budget: unlimited, clock, save }),
      ticked: () => undefined,
      ledger,
      turns: turnsFor(1, clock),
      clock,
      log,
      reasonToSkip: () => undefined,
      isAnswered: () => false,
      ttlMs: 600_000,
      parallel: 1,
      listed: () => undefined,
      tell: (report, of) => told.push([report, of]),
      changed: ({ state }) => states.push(state.status),
      stopping: never,
      abort: never,
      ...needs,
    },
    { refusedAt, refusedFor },
  )
  const tick = () => finish(account.tick(slot), clock)
  return { account, clock, log, trouble, asked, states, told, saved, tick }
}
