/**
 * From what was recorded to the report: who is asked about what, and what counts as a failure. Pure.
 */
import type { Call } from '../../src/simulator/server.ts'
import { judgeBreakers, lastPauses } from './breakers.ts'
import type { BrokerTimes } from './broker-deeds.ts'
import type { Clips } from './clip-verdict.ts'
import type { CloudTimes } from './cloud-deeds.ts'
import { judgeDeliveries } from './deliveries.ts'
import { accountIds, modulesOfAccount } from './homes.ts'
import type { Life, Lives } from './lives.ts'
import { loads } from './load.ts'
import { failed, judgeRequests, when } from './politeness.ts'
import { recoveries } from './recovery.ts'
import { type Report, statistics } from './report.ts'
import type { Subscriber } from './subscriber.ts'
import type { Publish, Wiretap } from './wiretap.ts'

export interface Records {
  readonly seed: number
  readonly seconds: number
  /** How many ids the cloud has made. */
  readonly given: number
  readonly calls: readonly Call[]
  readonly followed: boolean
  readonly clips: Clips | undefined
  readonly lives: Lives
  /** From here on nothing went wrong any more. */
  readonly peaceFrom: number
  readonly wiretap: Pick<Wiretap, 'publishes' | 'total' | 'leaks'>
  readonly poller: Pick<Subscriber, 'received' | 'deaf'>
  readonly cloud: CloudTimes
  readonly broker: BrokerTimes
  readonly accessTokenMs: number
  readonly timeoutMs: number
}

const longestStopMs = 10_000
/** From an answer to the disk, on a busy machine. */
const storedWithinMs = 1_500
const shownLines = 20

export function isClip({ topic }: Publish): boolean {
  return topic.endsWith('/clip/new')
}

export function isWorkItem({ topic }: Publish): boolean {
  return topic.endsWith('/manifest/requested')
}

/** Every id that is known to have been on the daemon's disk. */
export function storedIds({ lives, wiretap }: Pick<Records, 'lives' | 'wiretap'>): ReadonlySet<number> {
  return new Set([
    ...lives.logs.flatMap(({ stored }) => stored),
    ...lives.disks.flatMap(({ waiting, recorded }) => [...waiting, ...recorded]),
    // What goes out was read from the disk: it may have been there for less time than a log line takes.
    ...wiretap.publishes.filter(isWorkItem).map(({ payload }) => idOf(payload).id),
  ])
}

export function judge(records: Records): Report {
  const { lives, wiretap, poller, calls, broker } = records
  const { all, logs, disks, signIns } = lives
  const { publishes } = wiretap
  const items = publishes.filter(isWorkItem)
  const stored = storedIds(records)
  const { violations: deliveryFaults, ...deliveries } = judgeDeliveries({
    stored,
    publishes: items,
    ...poller,
    brokerEnds: broker.ends,
  })
  const { violations: breakerFaults, ...breakers } = judgeBreakers({ calls, lives: all, publishes })
  const { byKind, violations: loadFaults } = loads(calls, { lives: all, modulesOfAccount })
  const unstored = answeredNotStored(calls, items)
  const killed = unstored.filter(({ at, endedAt }) =>
    all.some(
      (life) => life.end === 'killed' && life.endedAt >= at && life.endedAt <= endedAt + storedWithinMs,
    ),
  )
  const lags = killed.map(
    ({ endedAt }) => (all.find((life) => life.endedAt >= endedAt)?.endedAt ?? 0) - endedAt,
  )
  const stops = all.filter(({ end }) => end === 'stopped')
  const stopMs = Math.max(0, ...stops.map((life) => life.stopMs ?? 0))
  const expired = logs.reduce((sum, log) => sum + log.expired, 0)
  const { waiting, others } = disks.at(-1) ?? { waiting: [], others: 0 }
  const leftWaiting = waiting.length + others
  const lost = Math.max(0, deliveries.lost.length - expired)
  return {
    seed: records.seed,
    seconds: records.seconds,
    ids: {
      given: records.given,
      stored: stored.size,
      killedBeforeDisk: killed.length,
      longestInHandMs: Math.max(0, ...lags),
      neverArrived: records.given - stored.size - unstored.length,
      expired,
      leftWaiting,
    },
    deliveries,
    requests: byKind,
    faultsMet: statistics(calls.flatMap(({ fault }) => fault ?? [])),
    breakers,
    recoveries: recoveries({
      brokerUp: broker.up,
      brokerTrouble: broker.trouble,
      calm: records.cloud.calm,
      weather: records.cloud.weather,
      lives: all,
      items,
      births: publishes.filter(
        ({ topic, payload }) => topic.endsWith('/bridge/state') && payload === 'online',
      ),
      calls,
    }),
    daemon: {
      starts: all.length,
      ends: statistics(all.map(endOf)),
      stops: stops.length,
      longestStopMs: stopMs,
      signIns: signIns.length,
    },
    broker: statistics(broker.done),
    errorLines: sum(logs.map(({ errors }) => errors)),
    publishes: wiretap.total,
    ...(records.clips && { clips: records.clips }),
    failures: [
      ...(lost > 0 ? [`${lost} ids lost: ${deliveries.lost.slice(0, shownLines).join(', ')}`] : []),
      ...(leftWaiting > 0 ? [`${leftWaiting} items still wait after the drain`] : []),
      ...unstored
        .filter((call) => !killed.includes(call))
        .map(
          (call) => `${when(call)} answered, nobody was killed, and nothing ever came of it: ${call.path}`,
        ),
      ...deliveryFaults,
      ...judgeRequests({ ...records, lives: all, signIns }),
      ...breakerFaults,
      ...forgotten(records),
      ...loadFaults,
      ...(records.clips?.failures ?? []),
      ...all.filter(({ end }) => end === 'crashed').map((life) => `crashed with ${life.exitCode}`),
      ...stops.filter(stoppedBadly).map((life) => `SIGTERM: exit ${life.exitCode} after ${life.stopMs} ms`),
      ...logs.flatMap(({ stray }) => stray.slice(0, shownLines).map((line) => `no log line: ${line}`)),
      // Not the line itself, which would tell once more.
      ...logs.flatMap(({ leaks }) => (leaks.length > 0 ? [`${leaks.length} log lines with a secret`] : [])),
      ...new Set(wiretap.leaks.map((topic) => `a secret on ${topic}`)),
    ],
  }
}

/** Accounts that nothing is wrong with, and that nobody asks any more. */
function forgotten({ calls, lives: { logs }, peaceFrom }: Records): string[] {
  const paused = lastPauses(calls)
  // Its login was lost to the last kill, which the daemon found out only now.
  const signedOut = new Set(logs.slice(-2).flatMap((log) => log.signedOut))
  const asked = new Set(calls.flatMap(({ at, accountId }) => (at > peaceFrom ? accountId : undefined) ?? []))
  return accountIds
    .filter((account) => ![asked, paused, signedOut].some((some) => some.has(account)))
    .map((account) => `account ${account} was not asked in the peace at the end, and no cloud wanted that`)
}

/** Good answers that no work item belongs to. */
function answeredNotStored(calls: readonly Call[], items: readonly Publish[]): readonly Call[] {
  const times = new Map<number, number[]>()
  for (const { payload } of items) {
    const { module, requestedAt } = idOf(payload)
    times.set(module, [...(times.get(module) ?? []), requestedAt])
  }
  return calls.filter((call) => {
    if (call.kind !== 'manifest-request' || failed(call)) return false
    const module = Number(/sync_modules\/(\d+)/.exec(call.path)?.[1])
    return !times.get(module)?.some((at) => at >= call.at && at <= call.endedAt + storedWithinMs)
  })
}

function idOf(payload: string) {
  const item = JSON.parse(payload) as { request_id: number; sync_module_id: number; requested_at: string }
  return { id: item.request_id, module: item.sync_module_id, requestedAt: Date.parse(item.requested_at) }
}

function endOf({ end, moment }: Life): string {
  return end === 'killed' ? `killed ${moment}` : end
}

function stoppedBadly({ exitCode, stopMs = 0 }: Life): boolean {
  return exitCode !== 0 || stopMs > longestStopMs
}

function sum(all: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = {}
  for (const [name, count] of all.flatMap(Object.entries)) total[name] = (total[name] ?? 0) + count
  return total
}
