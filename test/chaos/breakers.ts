/**
 * Whether "ask less" was heeded: from the refusal on, and for as long as the daemon has published it would be.
 * Pure: records in, findings out.
 */
import { z } from 'zod'
import type { Call } from '../../src/simulator/server.ts'
import type { Life } from './lives.ts'
import { when } from './politeness.ts'
import type { Publish } from './wiretap.ts'

export interface BreakerRecords {
  readonly calls: readonly Call[]
  readonly lives: readonly Life[]
  readonly publishes: readonly Publish[]
}

export interface Breakers {
  /** Refusals that opened a breaker. */
  readonly opened: number
  /** Refusals that the daemon did not live to write down; they bind nobody. */
  readonly unheard: number
  /** Published pauses that were watched. */
  readonly promised: number
  readonly violations: readonly string[]
}

interface Pause {
  readonly account: number
  readonly from: number
  readonly until: number
  readonly why: string
}

const throttled = [429, 403, 406]
/** The shortest pause there is, whatever the cloud names. */
const leastMs = 5 * 60_000
/** From the answer to the breaker on disk, on a busy machine. */
const savedWithinMs = 400
const slackMs = 60

const state = z.object({ state: z.string(), retry_at: z.string().nullable() })

export function judgeBreakers({ calls, lives, publishes }: BreakerRecords): Breakers {
  const refusals = calls.filter((call) => throttled.includes(call.status) && call.accountId !== undefined)
  const unheard = refusals.filter(({ endedAt }) => lives.some((life) => diesJustAfter(life, endedAt)))
  const heard: Pause[] = refusals
    .filter((call) => !unheard.includes(call))
    .map(({ accountId = 0, endedAt, status }) => ({
      account: accountId,
      from: endedAt + slackMs,
      until: endedAt + leastMs,
      why: `${status} at ${when({ at: endedAt })}`,
    }))
  const promised = publishes.flatMap(promise)
  const violations = [...heard, ...promised].flatMap((pause) => {
    const during = calls.filter(
      ({ accountId, at }) => accountId === pause.account && at > pause.from && at < pause.until - slackMs,
    )
    const [first] = during
    return first
      ? [`${when(first)} account ${pause.account}: ${during.length} requests in the pause after ${pause.why}`]
      : []
  })
  return { opened: heard.length, unheard: unheard.length, promised: promised.length, violations }
}

/** The refusals that nothing followed: their accounts were in a pause from then on. */
export function lastPauses(calls: readonly Call[]): ReadonlyMap<number, Call> {
  const last = new Map<number, Call>()
  for (const call of calls) {
    const { accountId, status, at } = call
    if (accountId === undefined) continue
    const refusal = last.get(accountId)
    if (throttled.includes(status)) last.set(accountId, call)
    else if (refusal && at > refusal.endedAt + leastMs) last.delete(accountId)
  }
  return last
}

function promise({ at, topic, payload }: Publish): Pause[] {
  const account = Number(/\/account\/(\d+)\/state$/.exec(topic)?.[1])
  if (!account || payload === '') return []
  const published = state.parse(JSON.parse(payload))
  if (published.state !== 'throttled' || published.retry_at === null) return []
  const until = Date.parse(published.retry_at)
  return [
    {
      account,
      from: at,
      until,
      why: `"throttled" until ${published.retry_at}, published at ${when({ at })}`,
    },
  ]
}

function diesJustAfter({ endedAt, end }: Life, answeredAt: number): boolean {
  return end === 'killed' && endedAt >= answeredAt && endedAt - answeredAt < savedWithinMs
}
