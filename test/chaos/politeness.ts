/**
 * Whether the daemon kept to its manners: each request to the cloud must have its reason. Pure: records in, findings out.
 *
 * Judged from the outside, by what the cloud saw, when each life began and ended, and what was published. A tick
 * begins with a home screen; a second request in it needs a first one that certainly did nothing.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Life, SignIn } from './lives.ts'

export interface CloudRecords {
  /** Whether clips are downloaded: then there are calls for them. */
  readonly followed: boolean
  /** Of the daemon only, oldest first. */
  readonly calls: readonly Call[]
  readonly lives: readonly Life[]
  readonly signIns: readonly SignIn[]
  readonly accessTokenMs: number
  /** One request's longest time, as the daemon is set. */
  readonly timeoutMs: number
}

/** The calls of one account in one life. */
interface Stay {
  readonly account: number
  readonly life: Life
  readonly calls: readonly Call[]
}

/** What may differ between two clocks' reading of one moment. */
const slackMs = 60
/** How late the cloud may learn that a client has gone, on a busy machine. */
const hangUpMs = 250
const leastPauseMs = 2_000
/** From the refusal of a token to the renewal, and to the same request with the new one. */
const retriedWithinMs = 1_000
const busyPausesMs = [3_000, 8_000, 15_000, 25_000]
const triesOfHome = 3

const always = ['token', 'homescreen', 'manifest-request', 'tier-info']
/** What follows an accepted request. */
export const clipCalls = ['manifest', 'media', 'clip-request', 'command-status', 'clip', 'storage-status']

/** Every request that had no reason, in a sentence each. */
export function judgeRequests(records: CloudRecords): readonly string[] {
  const stays = staysOf(records)
  const kinds = records.followed ? [...always, ...clipCalls] : always
  return [
    ...stays.flatMap((stay) => [...withoutReason(stay, records), ...crowded(stay, records)]),
    ...records.calls
      .filter(({ kind }) => !kinds.includes(kind))
      .map((call) => `${when(call)} asked for ${call.kind}: ${call.method} ${call.path}`),
    ...deadTokens(records),
  ]
}

function staysOf({ calls, lives }: Pick<CloudRecords, 'calls' | 'lives'>): readonly Stay[] {
  // No program asks for anything in its first moments: what comes then was still on the way.
  const lifeOf = (call: Call) => lives.findLast(({ startedAt }) => startedAt + 50 <= call.at)
  return [...Map.groupBy(calls, lifeOf)].flatMap(([life, inLife]) => {
    if (!life) return []
    const known = inLife.filter(({ accountId }) => accountId !== undefined)
    return [...Map.groupBy(known, ({ accountId }) => accountId ?? 0)].map(([account, ofAccount]) => ({
      account,
      life,
      calls: ofAccount,
    }))
  })
}

export const failed = ({ status, fault }: Call) => status !== 200 || fault !== undefined

function withoutReason(
  { account, life, calls }: Stay,
  { accessTokenMs, ...records }: CloudRecords,
): string[] {
  const found: string[] = []
  // Their paths name no account, and nor does a token that is not accepted: whose it was nobody knows.
  const refusedSomebody = records.calls.filter(
    ({ kind, status, accountId }) =>
      ['tier-info', 'command-status'].includes(kind) && status === 401 && accountId === undefined,
  )
  const mayBeRefused = ({ at }: Call) =>
    refused !== undefined ||
    refusedSomebody.some(({ endedAt }) => endedAt <= at && at - endedAt < retriedWithinMs)
  const say = (call: Call, what: string) => found.push(`${when(call)} account ${account}: ${what}`)
  let slotTaken = Number.NEGATIVE_INFINITY
  let homeTries = 0
  let lastHome: Call | undefined
  let lastToken: Call | undefined
  let refused: Call | undefined
  let nobodyHome = false
  let asked: Map<string, Call[]> | undefined
  /** Modules of which a clip was not to be had: another manifest shows why. */
  const missing = new Set<string>()

  const mayRepeatHome = (call: Call): string | undefined => {
    if (!lastHome || !failed(lastHome)) return 'asked for the home screen again in the same run'
    if (lastHome.status === 401) return undefined
    if (++homeTries > triesOfHome) return `asked for the home screen ${homeTries} times in a run`
    const gap = call.at - lastHome.endedAt
    return gap + slackMs < leastPauseMs ? `asked for the home screen again after ${gap} ms` : undefined
  }

  for (const call of calls) {
    const slot = newestSlot(life, call.at)
    switch (call.kind) {
      case 'token': {
        const due = lastToken && call.at - lastToken.at > accessTokenMs * 0.8
        const again =
          lastToken && failed(lastToken) && (slot > lastToken.at || call.at - lastToken.at > 1_900)
        if (lastToken && !mayBeRefused(call) && !due && !again) say(call, 'renewed a token that was good')
        lastToken = call
        refused = undefined
        break
      }
      case 'homescreen':
        if (slot > slotTaken && !isTooSoon(lastHome, call)) {
          // Not the slot about to begin: a tick on start may ask in the last moments before it.
          slotTaken = newestSlot(life, call.at, 0)
          homeTries = 1
        } else {
          const complaint = mayRepeatHome(call)
          if (complaint) say(call, complaint)
        }
        lastHome = call
        asked = new Map()
        nobodyHome = call.status === 404
        break
      case 'manifest-request': {
        const before = missing.delete(moduleOf(call)) ? [] : (asked?.get(call.path) ?? [])
        if (!asked) say(call, 'asked a module without having seen the home screen')
        const complaint = mayAskAgain(before, call)
        if (complaint) say(call, `asked module ${moduleOf(call)} ${complaint}`)
        asked?.set(call.path, [...before, call])
        break
      }
      case 'clip-request':
      case 'clip':
        if (failed(call)) missing.add(moduleOf(call))
        break
      case 'tier-info':
        if (!nobodyHome && !mayBeRefused(call))
          say(call, 'asked where it lives without having been turned away')
        break
    }
    if (call.status === 401) refused = call
    // A fault that says no more than that nobody is there.
    if (call.status === 404 && call.fault !== undefined) nobodyHome = true
  }
  return found
}

/** Why a module may not be asked once more in this tick; the only reasons to are "busy" and a stale token. */
function mayAskAgain(before: readonly Call[], call: Call): string | undefined {
  const last = before.at(-1)
  if (!last) return undefined
  if (last.status === 401) {
    return before.filter(({ status }) => status === 401).length > 2 ? 'on and on with a bad token' : undefined
  }
  if (last.status !== 409) return `again after ${describe(last)}, which may have been done`
  const pauseMs = busyPausesMs[before.filter(({ status }) => status === 409).length - 1]
  if (pauseMs === undefined) return 'more often than a busy module may be'
  const gap = call.at - last.endedAt
  return gap + slackMs < pauseMs ? `again ${gap} ms after it was busy` : undefined
}

/** Two requests at one module at the same time, or more at one account than the settings allow. */
function crowded({ account, life, calls }: Stay, { timeoutMs }: CloudRecords): string[] {
  const found: string[] = []
  const posts = calls.filter(({ kind }) => kind === 'manifest-request')
  for (const [index, call] of posts.entries()) {
    const under = posts
      .slice(Math.max(0, index - 20), index)
      .filter((other) => Math.min(endForClient(other, timeoutMs), life.endedAt) > call.at)
    const others = under.map(describe).join('; ')
    if (under.some(({ path }) => path === call.path))
      found.push(
        `${when(call)} account ${account}: asked module ${moduleOf(call)} while in flight: ${others}`,
      )
    if (under.length >= life.start.perAccount)
      found.push(`${when(call)} account ${account}: too many requests in flight, beside: ${others}`)
  }
  return found
}

/** The cloud does not know how long a client waits for an answer, nor at once that it has hung up. */
function endForClient({ at, endedAt, fault }: Call, timeoutMs: number): number {
  if (fault === 'hang') return at + timeoutMs - slackMs
  return fault === undefined ? endedAt : endedAt - hangUpMs
}

/** A refresh token that the cloud does not know any more is tried once, and then a person must come. */
function deadTokens({ calls, lives }: CloudRecords): string[] {
  // Only refusals that were heard: an answer that a fault has eaten teaches nobody anything.
  const tried = calls.filter(
    ({ kind, accountId, fault }) => kind === 'token' && accountId === undefined && fault === undefined,
  )
  const inLife = Map.groupBy(tried, ({ at }) => lives.findLast(({ startedAt }) => startedAt <= at))
  const accounts = new Set(calls.flatMap(({ accountId }) => accountId ?? [])).size
  return [...inLife].flatMap(([life, dead]) =>
    life && dead.length > accounts ? [`${dead.length} tries with dead refresh tokens in one life`] : [],
  )
}

/** The newest moment up to `at` for which a tick was due; the start counts as one. */
function newestSlot({ startedAt, start }: Life, at: number, slack = slackMs / 2): number {
  const everyMs = start.everySeconds * 1000
  return Math.max(startedAt, Math.floor((at + slack) / everyMs) * everyMs)
}

/** After a failure that cannot have been taken for anything else, not even a new slot may ask at once. */
function isTooSoon(last: Call | undefined, { at }: Call): boolean {
  if (!last || last.status === 200 || last.status === 401) return false
  return at - last.endedAt + slackMs < leastPauseMs
}

/** How many ticks were due in this time: slots, and the one at the start. */
export function ticksDue(lives: readonly Life[], from: number, until: number): number {
  return lives.reduce((sum, { startedAt, endedAt, start }) => {
    const everyMs = start.everySeconds * 1000
    const [begin, end] = [Math.max(startedAt, from), Math.min(endedAt, until)]
    if (end <= begin) return sum
    const slots = Math.floor(end / everyMs) - Math.ceil(begin / everyMs) + 1
    return sum + slots + (startedAt >= from ? 1 : 0)
  }, 0)
}

export function when({ at }: Pick<Call, 'at'>): string {
  return new Date(at).toISOString().slice(11, 23)
}

function describe({ status, fault }: Call): string {
  return [fault, status === 0 ? 'no answer' : status].filter(Boolean).join(', ')
}

function moduleOf({ path }: Call): string {
  return /sync_modules\/(\d+)/.exec(path)?.[1] ?? path
}
