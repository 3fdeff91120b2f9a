/**
 * What Prometheus reads at `/metrics`, in its text format 0.0.4.
 *
 * Counters and histograms follow the observer; gauges are read at the scrape. No request ID is a label, and no sync
 * module unless the owner wants it: each value of a label is a series that the reader keeps.
 */
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { ShownAccount } from '../domain/fleet.ts'
import { accountStatuses, type CloudCall, type Health, keyOf, type ModuleKey } from '../domain/model.ts'
import type { Observer, Outbox, StatusReader } from '../domain/ports.ts'
import { throttledStatuses } from '../domain/retry-policy.ts'
import { moduleStatuses } from '../topics/state-topics.ts'
import { later, type ModuleRow, moduleNumbers } from './module-numbers.ts'

export interface MetricsNeeds {
  readonly version: string
  /** Whether sync modules are labels. */
  readonly perModule: boolean
  readonly status: Pick<StatusReader, 'health' | 'moduleKeys' | 'module'>
  /** What limits the requests of each account. */
  readonly limits: () => readonly Pick<ShownAccount, 'accountId' | 'breaker' | 'budget'>[]
  readonly outbox: Pick<Outbox, 'waiting' | 'onArrival'>
  /** Where several daemons share the work: what this one does of it. */
  readonly shared?: { readonly accountsInWork: () => number; readonly holdsBridge: () => boolean } | undefined
  /** Free bytes by the name of a directory; those that cannot be read are left out. */
  readonly diskFree: () => Promise<Readonly<Record<string, number>>>
  readonly clock: Pick<Clock, 'now' | 'elapsed'>
}

export interface Metrics {
  readonly observer: Observer
  readonly contentType: string
  /** All metrics as they are now. Scrapes that come together share one reading. */
  text(): Promise<string>
  close(): void
}

const callBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30]
const runBuckets = [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 900]
const latenessBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300]
const writeBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const clipBuckets = [15, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400]

export function openMetrics(needs: MetricsNeeds): Metrics {
  const { perModule, outbox, clock } = needs
  const registry = new Registry()
  const moduleLabels = perModule ? (['account_id', 'network_id', 'sync_module_id'] as const) : []
  const labelsOf = (key: ModuleKey) =>
    perModule
      ? { account_id: key.accountId, network_id: key.networkId, sync_module_id: key.syncModuleId }
      : {}
  const named = (name: string, help: string) => ({
    name: `blink_manifestd_${name}`,
    help,
    registers: [registry],
  })
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ) => new Gauge({ ...named(name, help), labelNames })
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ) => new Counter({ ...named(name, help), labelNames })
  const histogram = <Label extends string = never>(
    [name, help]: readonly [string, string],
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new Histogram({ ...named(name, help), buckets, labelNames })

  const buildInfo = gauge('build_info', 'Always 1; the version is the label.', ['version'])
  buildInfo.set({ version: needs.version }, 1)
  const requests = counter('requests_total', "Requests to Blink's cloud that have ended.", [
    'call',
    'outcome',
  ])
  const duration = histogram(
    ['request_duration_seconds', "How long requests to Blink's cloud took."],
    callBuckets,
    ['call'],
  )
  const published = counter(
    'ids_published_total',
    'Request IDs that the broker has acknowledged.',
    moduleLabels,
  )
  const waiting = gauge('outbox_items', 'Events that the broker has not acknowledged yet.')
  const oldest = gauge(
    'outbox_oldest_seconds',
    'Age of the oldest request ID in the outbox, else of an event.',
  )
  const modules = gauge('modules', 'Sync modules by their status.', ['status', ...moduleLabels])
  const accounts = gauge('accounts', 'Accounts by their state.', ['state'])
  const breakers = gauge(
    'circuit_breaker_open_accounts',
    'Accounts that are not requested because the cloud asked for a pause.',
  )
  const budget = gauge(
    'budget_used_ratio',
    "Share of the day's request budget that is used, of the fullest account.",
  )
  const lateness = histogram(['run_lateness_seconds', 'How late scheduled runs began.'], latenessBuckets)
  const runs = histogram(['tick_duration_seconds', 'How long runs took, offsets included.'], runBuckets)
  const success = gauge(
    'last_success_timestamp_seconds',
    'When a request ID was obtained last; 0 when none is known.',
    moduleLabels,
  )
  const connected = gauge('mqtt_connected', '1 while the broker is connected.')
  const writes = histogram(['store_write_seconds', 'How long commits of the database took.'], writeBuckets)
  const clips = counter('clips_total', 'Clips by what became of a download.', ['outcome'])
  const clipBytes = counter('clip_bytes_total', 'Bytes of all clips that were saved.')
  const clipLatency = histogram(
    ['clip_latency_seconds', 'From the time of a recording to its file on disk.'],
    clipBuckets,
  )
  const diskFree = gauge('disk_free_bytes', 'Free space where files are kept.', ['directory'])
  for (const outcome of ['saved', 'failed'] as const) clips.inc({ outcome }, 0)
  const { shared } = needs
  const ofInstance = shared && {
    inWork: gauge('instance_accounts_in_work', 'Accounts that this instance works on now.'),
    bridge: gauge('instance_holds_bridge', '1 at the instance that publishes what there is once for all.'),
  }

  const readModules = moduleNumbers({
    status: needs.status,
    clock,
    groupOf: (key, status) => (perModule ? keyOf(key) : status),
  })
  const stopListening = outbox.onArrival((added) => {
    if (added?.event.kind !== 'clip_new') return
    const { bytes, createdAt, downloadedAt } = added.event.body
    clips.inc({ outcome: 'saved' })
    clipBytes.inc(bytes)
    clipLatency.observe(Math.max(0, downloadedAt - createdAt) / 1000)
  })

  const observer: Observer = {
    requestFinished(call) {
      requests.inc({ call: call.kind, outcome: outcomeOf(call) })
      duration.observe({ call: call.kind }, call.ms / 1000)
    },
    eventDelivered(event) {
      if (event.kind === 'manifest_requested') published.inc(labelsOf(event.body))
    },
    runStarted({ trigger }, lateMs) {
      if (trigger === 'schedule') lateness.observe(Math.max(0, lateMs) / 1000)
    },
    runFinished: (_, { elapsedMs }) => runs.observe(elapsedMs / 1000),
    storeWritten: (ms) => writes.observe(ms / 1000),
    clipTrouble(_, { kind }) {
      if (kind === 'clip_failed') clips.inc({ outcome: 'failed' })
    },
  }

  /** All is read before any of it is set, so that no scrape shows half of it. */
  async function read(): Promise<string> {
    const health = await needs.status.health()
    const oldestAt = await readable(() => oldestIn(outbox))
    const rows = await readable(readModules)
    const free = await needs.diskFree()
    setHealth(health)
    oldest.set(secondsSince(oldestAt))
    if (rows) setModules(rows)
    setLimits()
    ofInstance?.inWork.set(shared?.accountsInWork() ?? 0)
    ofInstance?.bridge.set(shared?.holdsBridge() ? 1 : 0)
    diskFree.reset()
    for (const [directory, bytes] of Object.entries(free)) diskFree.set({ directory }, bytes)
    return registry.metrics()
  }

  function secondsSince(at: number | undefined | 'none'): number {
    if (at === undefined) return Number.NaN
    return at === 'none' ? 0 : Math.max(0, clock.now() - at) / 1000
  }

  function setHealth({ broker, accounts: known, waiting: items }: Health): void {
    waiting.set(items ?? Number.NaN)
    connected.set(broker.connected ? 1 : 0)
    for (const state of accountStatuses) {
      accounts.set({ state }, known.filter(({ status }) => status === state).length)
    }
  }

  function setModules(rows: readonly ModuleRow[]): void {
    modules.reset()
    success.reset()
    if (!perModule) for (const status of moduleStatuses) modules.set({ status }, 0)
    let lastAt: number | undefined
    for (const { key, status, count, successAt } of rows) {
      modules.set({ status, ...labelsOf(key) }, count)
      lastAt = later(lastAt, successAt)
      if (perModule) success.set(labelsOf(key), (successAt ?? 0) / 1000)
    }
    if (!perModule) success.set((lastAt ?? 0) / 1000)
  }

  function setLimits(): void {
    let [open, used] = [0, 0]
    for (const { breaker, budget: day } of needs.limits()) {
      if (breaker.isOpen) open++
      if (day.limit > 0) used = Math.max(used, day.spent / day.limit)
    }
    breakers.set(open)
    budget.set(used)
  }

  let reading: Promise<string> | undefined
  return {
    observer,
    contentType: registry.contentType,
    text: () => (reading ??= read().finally(() => (reading = undefined))),
    close: stopListening,
  }
}

/** By the status alone: what the body says is the log's affair. */
function outcomeOf({ status }: CloudCall): string {
  if (status === undefined) return 'unreachable'
  if (status < 400) return 'ok'
  if (throttledStatuses.has(status)) return 'throttled'
  return status < 500 ? 'refused' : 'failed'
}

/** When the oldest event was stored; request IDs before all others, since they do not live long. */
async function oldestIn({ waiting }: MetricsNeeds['outbox']): Promise<number | 'none'> {
  const [first] = await waiting(1, [])
  if (!first) return 'none'
  const { event } = first
  switch (event.kind) {
    case 'manifest_requested':
      return event.body.requestedAt
    case 'manifest_ready':
      return event.body.readyAt
    case 'clip_new':
      return event.body.downloadedAt
  }
}

/** What was read, or `undefined` while the disk cannot be read: the other metrics say so. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof StoreFailed) return undefined
    throw error
  }
}
