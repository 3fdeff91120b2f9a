/**
 * How much was asked of the cloud, by kind, and the busiest minute of one account beside what was due in it. Pure.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Life } from './lives.ts'
import { clipCalls, failed, ticksDue, when } from './politeness.ts'

export interface Load {
  readonly total: number
  readonly perMinute: number
  /** The most that one account was asked for in any 60 seconds. */
  readonly busiest: number
  /** The same minute: what its ticks, and the repeats that had a reason, allow. */
  readonly allowed: number
}

export interface Loads {
  readonly byKind: Readonly<Record<string, Load>>
  readonly violations: readonly string[]
}

const minuteMs = 60_000

export function loads(
  calls: readonly Call[],
  { lives, modulesOfAccount }: { readonly lives: readonly Life[]; readonly modulesOfAccount: number },
): Loads {
  const begun = lives[0]?.startedAt ?? 0
  const minutes = ((calls.at(-1)?.at ?? begun) - begun) / minuteMs || 1
  const violations: string[] = []
  const byKind = [...Map.groupBy(calls, ({ kind }) => kind)].map(([kind, all]) => {
    const { busiest, allowed, over } = worstMinute(kind, all, { calls, lives, modulesOfAccount })
    violations.push(...over)
    return [kind, { total: all.length, perMinute: round(all.length / minutes), busiest, allowed }] as const
  })
  return { byKind: Object.fromEntries(byKind), violations }
}

function worstMinute(
  kind: string,
  all: readonly Call[],
  given: {
    readonly calls: readonly Call[]
    readonly lives: readonly Life[]
    readonly modulesOfAccount: number
  },
) {
  const worst = { busiest: 0, allowed: 0, over: [] as string[] }
  for (const [account, ofAccount] of Map.groupBy(all, ({ accountId }) => accountId)) {
    if (account === undefined) continue
    const everything = given.calls.filter(({ accountId }) => accountId === account)
    for (const [index, last] of ofAccount.entries()) {
      const from = last.at - minuteMs
      const count = index + 1 - ofAccount.findIndex(({ at }) => at > from)
      if (count <= worst.busiest) continue
      const inIt = everything.filter(({ at }) => at > from && at <= last.at)
      // One more than were due in it: a tick may have begun just before.
      const ticks = ticksDue(given.lives, from, last.at) + 1
      worst.busiest = count
      worst.allowed = allowance(kind, inIt, { ticks, modules: given.modulesOfAccount })
      if (count > worst.allowed)
        worst.over.push(
          `${when(last)} account ${account}: ${count} ${kind} in a minute, allowed ${worst.allowed}`,
        )
    }
  }
  return worst
}

function allowance(
  kind: string,
  inIt: readonly Call[],
  { ticks, modules }: { readonly ticks: number; readonly modules: number },
): number {
  const count = (is: (call: Call) => boolean) => inIt.filter(is).length
  const refused = count(({ status }) => status === 401)
  // One after another for each module: a look at a manifest each 2 s, an upload at best in 1.3 s.
  if (clipCalls.includes(kind)) return modules * 61
  switch (kind) {
    case 'homescreen':
      return ticks + refused + count((call) => call.kind === 'homescreen' && failed(call))
    case 'manifest-request':
      return ticks * modules + refused + count(({ kind: its, status }) => its === kind && status === 409)
    default:
      // A token for each start, each refusal, each that failed, and each that has grown old.
      return ticks + refused + count((call) => call.kind === kind && failed(call))
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
