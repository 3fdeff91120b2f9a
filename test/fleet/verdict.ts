/**
 * From what was recorded of a fleet to what counts as a failure. Pure: records in, findings out.
 *
 * Each rule is about what can be seen from the outside: what the cloud was asked, when, by whom, and what a subscriber
 * received. What the store holds is looked at for what must only rise.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Life, Trouble } from './instances.ts'
import { accountOf, instanceOf, moduleOf } from './journal.ts'
import type { Failed, Item, Pause } from './subscriber.ts'

export interface Records {
  /** In the order of their arrival. */
  readonly calls: readonly Call[]
  readonly lives: readonly Life[]
  readonly troubles: readonly Trouble[]
  /** In the order in which they were received. */
  readonly items: readonly Item[]
  readonly failed: readonly Failed[]
  /** How long a refused account is to be left alone, in milliseconds, where a pause was named. */
  readonly throttles: readonly Throttle[]
  readonly pauses: readonly Pause[]
  /** Accounts that wait for a person at the end. */
  readonly signedOut: ReadonlySet<number>
  /** From an answer to its commit, in milliseconds: what that time ends before it is over may be lost. */
  readonly storedWithinMs: number
}

export interface Throttle {
  readonly account: number
  readonly pauseMs: number
  /** When the cloud began to answer so. */
  readonly from: number
}

/** What became of the ids that the cloud gave out. */
export interface Ids {
  readonly given: number
  readonly delivered: number
  /** Received more than once, with the same `event_id`. */
  readonly copies: number
  /** Given, and never stored, by the reason. */
  readonly excused: Readonly<Record<string, number>>
}

export interface Verdict {
  readonly ids: Ids
  readonly overlaps: number
  readonly failures: readonly string[]
}

/** How late the cloud may learn that a client has gone, on a busy machine. */
const slackMs = 100
/** A pause counts from the answer that names it; until it is stored, another request may be on its way. */
const heardWithinMs = 2_000
const shown = 20

export function judge(records: Records): Verdict {
  const ids = judgeIds(records)
  const overlaps = overlapping(records)
  const failures = [
    ...ids.failures,
    ...overlaps,
    ...doubled(records),
    ...disordered(records.items),
    ...afterFreeze(records),
    ...withinPause(records),
    ...beforeRetry(records),
    ...deadTokens(records),
    ...badEnds(records.lives),
  ]
  return { ids: ids.ids, overlaps: overlaps.length, failures }
}

/** Why an answer that came at that time may not have been kept; undefined when nothing was wrong with the instance. */
function excuseOf(
  { lives, troubles, storedWithinMs }: Pick<Records, 'lives' | 'troubles' | 'storedWithinMs'>,
  instance: number,
  { from, until }: { readonly from: number; readonly until: number },
): string | undefined {
  const killed = lives.some(
    (life) =>
      life.instance === instance && life.end === 'killed' && life.endedAt >= from && life.endedAt <= until,
  )
  if (killed) return 'killed before the commit'
  const trouble = troubles.find(
    (one) =>
      one.kind !== 'broker' &&
      (one.instance === undefined || one.instance === instance) &&
      one.from <= until &&
      one.until + storedWithinMs >= from,
  )
  if (!trouble) return undefined
  return trouble.kind === 'frozen' ? 'frozen before the commit' : 'no store to commit to'
}

function judgeIds(records: Records): { readonly ids: Ids; readonly failures: readonly string[] } {
  const { calls, items, storedWithinMs } = records
  const given = calls.filter(({ commandId }) => commandId !== undefined)
  const received = Map.groupBy(items, ({ id }) => id)
  const failures: string[] = []
  const excused: Record<string, number> = {}
  for (const call of given) {
    if (received.has(call.commandId ?? 0)) continue
    const window = { from: call.at, until: call.endedAt + storedWithinMs }
    const reason =
      call.status === 200 ? excuseOf(records, instanceOf(call), window) : 'the answer never arrived whole'
    if (reason === undefined)
      failures.push(`id ${call.commandId} of ${describe(call)} was lost: nothing was wrong`)
    else excused[reason] = (excused[reason] ?? 0) + 1
  }
  const known = new Set(given.map(({ commandId }) => commandId))
  for (const [id, copies] of received) {
    if (!known.has(id)) failures.push(`id ${id} was published, and the cloud never gave it`)
    const events = new Set(copies.map(({ eventId }) => eventId))
    if (events.size > 1) failures.push(`id ${id} was published with ${events.size} event ids`)
  }
  const ids = { given: given.length, delivered: received.size, copies: items.length - received.size, excused }
  return { ids, failures: failures.slice(0, shown) }
}

/** Requests of two instances for one account at the same time. */
function overlapping({ calls, lives }: Records): string[] {
  const ends = (call: Call) => {
    // A client that was killed has hung up; the cloud notices when it next looks.
    const killed = lives.find(
      ({ instance, end, endedAt }) =>
        instance === instanceOf(call) && end === 'killed' && endedAt >= call.at && endedAt <= call.endedAt,
    )
    return Math.min(call.endedAt, killed?.endedAt ?? call.endedAt) - slackMs
  }
  const ofAccounts = Map.groupBy(calls, accountOf)
  const found: string[] = []
  for (const [account, ofAccount] of ofAccounts) {
    if (account === undefined) continue
    let last: Call | undefined
    for (const call of ofAccount.toSorted((a, b) => a.at - b.at)) {
      if (last && instanceOf(last) !== instanceOf(call) && ends(last) > call.at)
        found.push(`account ${account}: ${describe(call)} while ${describe(last)} was going on`)
      if (!last || call.endedAt > last.endedAt) last = call
    }
  }
  return found.slice(0, shown)
}

/** A module that got two ids in one run, or one although its request may have reached the cloud before. */
function doubled({ items, failed }: Records): string[] {
  const key = ({ module, tickId, trigger }: Pick<Item, 'module' | 'tickId' | 'trigger'>) =>
    `module ${module} in the run (${trigger}) of ${tickId}`
  const scheduled = items.filter(({ trigger }) => trigger === 'schedule')
  const ids = Map.groupBy(scheduled, key)
  const unknown = new Set(failed.filter(({ outcome }) => outcome === 'unknown').map(key))
  return [...ids]
    .flatMap(([what, found]) => {
      const distinct = new Set(found.map(({ id }) => id))
      if (distinct.size > 1) return [`${what} has ids ${[...distinct].join(', ')}`]
      return unknown.has(what) ? [`${what} was unknown, and has id ${found[0]?.id} as well`] : []
    })
    .slice(0, shown)
}

/** The cloud's ids only ever grow: of one module the first copies come in this order. */
function disordered(items: readonly Item[]): string[] {
  const newest = new Map<number, number>()
  const seen = new Set<number>()
  const found: string[] = []
  for (const { id, module } of items) {
    if (seen.has(id)) continue
    seen.add(id)
    const before = newest.get(module) ?? 0
    if (id < before) found.push(`module ${module}: id ${before} came before ${id}`)
    newest.set(module, Math.max(before, id))
  }
  return found.slice(0, shown)
}

/** Requests that an instance sent when it came to again, of runs that it had begun before. */
function afterFreeze({ calls, troubles }: Records): string[] {
  const frozen = troubles.filter(({ kind }) => kind === 'frozen')
  return frozen
    .flatMap(({ instance, from, until }) => {
      const begun = new Set<number>()
      const taken = new Set<number>()
      const found: string[] = []
      for (const call of calls) {
        const account = accountOf(call)
        if (account === undefined || call.at < from) continue
        if (instanceOf(call) !== instance) {
          if (call.at < until) taken.add(account)
          continue
        }
        if (call.at <= until) continue
        if (call.kind === 'homescreen') begun.add(account)
        // A run begins with the home screen; what comes without it goes on with a run from before.
        if (call.kind === 'manifest-request' && taken.has(account) && !begun.has(account))
          found.push(`account ${account}: ${describe(call)} after a freeze, while another has taken it over`)
      }
      return found
    })
    .slice(0, shown)
}

/** Requests of any instance before the end of a pause that the cloud had named, and that somebody lived to keep. */
function withinPause(records: Records): string[] {
  return records.throttles
    .flatMap(({ account, pauseMs, from }) => {
      const ofAccount = records.calls.filter((call) => accountOf(call) === account && call.at >= from)
      const refusal = ofAccount.find(({ status }) => status === 429)
      if (!refusal) return []
      const window = { from: refusal.at, until: refusal.endedAt + records.storedWithinMs }
      if (excuseOf(records, instanceOf(refusal), window) !== undefined) return []
      const skew = skewOf(records.lives, refusal)
      // The end of a pause is a time of day: whose clock is ahead comes too soon.
      const first = ofAccount.find(
        (call) =>
          call.kind !== 'token' &&
          call.at > refusal.endedAt + heardWithinMs &&
          call.at < refusal.endedAt + pauseMs - slackMs + Math.min(0, skew - skewOf(records.lives, call)),
      )
      return first
        ? [`account ${account}: ${describe(first)} within the pause that ${describe(refusal)} named`]
        : []
    })
    .slice(0, shown)
}

/** Requests of any instance before the time at which an account is to be requested again, as it was published. */
function beforeRetry({ calls, pauses, lives }: Records): string[] {
  const ofAccounts = Map.groupBy(calls, accountOf)
  return pauses
    .flatMap(({ account, at, until }) => {
      const early = ofAccounts
        .get(account)
        ?.find(
          (call) =>
            call.kind !== 'token' &&
            call.at > at + heardWithinMs &&
            call.at + Math.max(0, skewOf(lives, call)) < until - slackMs,
        )
      const text = new Date(until).toISOString().slice(11, 23)
      return early
        ? [`account ${account}: ${describe(early)}, and it was to be left alone until ${text}`]
        : []
    })
    .slice(0, shown)
}

/** How wrong the clock was by which an instance sent a request. */
function skewOf(lives: readonly Life[], call: Call): number {
  return (
    lives.findLast((life) => life.instance === instanceOf(call) && life.startedAt <= call.at)?.skewMs ?? 0
  )
}

/** A refresh token that was used up is tried once more, by whoever comes after the one who could not keep its successor. */
function deadTokens(records: Records): string[] {
  const renewals = records.calls.filter(({ kind }) => kind === 'token')
  const refused = renewals.filter(({ status }) => status === 400)
  const found = [...records.signedOut].flatMap((account) => {
    const last = renewals.findLast(({ accountId, status }) => accountId === account && status === 200)
    if (!last) return [`account ${account} waits for a person, and its token was never renewed`]
    const window = { from: last.at, until: last.endedAt + records.storedWithinMs }
    return excuseOf(records, instanceOf(last), window) === undefined
      ? [
          `account ${account} waits for a person: the token of ${describe(last)} was lost, and nothing was wrong`,
        ]
      : []
  })
  // One try for each, and one more where the one who tried did not live to say so.
  const allowed = records.signedOut.size * 2
  if (refused.length > allowed)
    found.push(
      `${refused.length} tries with used refresh tokens, for ${records.signedOut.size} accounts that lost theirs`,
    )
  return found.slice(0, shown)
}

function badEnds(lives: readonly Life[]): string[] {
  return lives.flatMap(({ instance, end, exitCode, hasStarted, stopMs = 0 }) => {
    if (end === 'crashed') return [`instance ${instance + 1} ended by itself with ${exitCode}`]
    // Before it has started, the signal ends it, or what it was about to fail with.
    const isOrderly = exitCode === 0 || (!hasStarted && (exitCode === null || exitCode === 75))
    if (end === 'stopped' && !isOrderly)
      return [`instance ${instance + 1}: SIGTERM, exit ${exitCode} after ${stopMs} ms`]
    return []
  })
}

function describe(call: Call): string {
  const what = call.kind === 'manifest-request' ? `the request of module ${moduleOf(call)}` : call.kind
  const time = new Date(call.at).toISOString().slice(11, 23)
  return `${what} (${time}, instance ${instanceOf(call) + 1}, ${call.fault ?? call.status})`
}
