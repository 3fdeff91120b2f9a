/**
 * `once`: one run, published and acknowledged, and the outcome of each module.
 */
import { SingleBar } from 'cli-progress'
import { type Daemon, openDaemon } from '../app.ts'
import { type Clock, iso } from '../domain/clock.ts'
import { needsPerson } from '../domain/failure.ts'
import type { ModuleReport } from '../domain/model.ts'
import { ids, json, number, timeOrNull } from '../domain/text.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'
import type { OnceLine } from '../topics/cli-schemas.ts'
import { failure } from '../topics/topics.ts'
import { type CommonOptions, openContext } from './context.ts'
import { accountSentences, type ExitCode, exit } from './exit.ts'
import { plainTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'
import { version } from './version.ts'

/** Below this, a progress bar is gone before it is seen. */
const manyModules = 10

/** How long the broker may take to acknowledge the events of the run. */
const brokerTimeoutMs = 30_000

/** The same, when only state topics wait, which the next run publishes again anyway. */
const stateTimeoutMs = 2_000

/** The same, when a person wants to end. */
const interruptedMs = 1_000

export async function once(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { loaded, log, clock } = await openContext(terminal, options, { quiet: true, publishes: true })
  const progress = options.json || !terminal.errIsTerminal ? undefined : progressBar()
  const daemon = await openDaemon({
    ...{ loaded, version, clock, log },
    observers: [
      {
        modulesListed() {
          // A number for the bar; what the disk does not give now, it refuses the run as well.
          daemon.status.moduleKeys().then(
            (keys) => progress?.total(keys.length),
            () => undefined,
          )
        },
        moduleFinished(report) {
          if (options.json) terminal.out(`${outcomeLine(report)}\n`)
          progress?.done()
        },
      },
    ],
  })
  try {
    if (daemon.credentials === 0) {
      terminal.err('blink-manifestd: there is no Blink login. Sign in with `blink-manifestd login`.\n')
      return exit.login
    }
    const results = await Promise.race([runOnce(daemon, terminal.stop), daemon.failed])
    progress?.stop()
    const reports = results.flatMap(({ report }) => report?.modules ?? [])
    if (!options.json && reports.length > 0) terminal.out(`${outcomeTable(reports)}\n`)
    for (const { report, failure, account, status } of results) {
      if (report?.modules.length || !failure) continue
      terminal.err(accountSentences({ account, status, failure }))
    }
    const { dataDir } = loaded.settings
    const delivered = await isDelivered(daemon, { terminal, clock, what: 'request IDs', dataDir })
    return verdict(results, reports, delivered)
  } finally {
    progress?.stop()
    await daemon.stop()
  }
}

/** The run, ended early when a person stops it. */
export async function runOnce(daemon: Daemon, stop: AbortSignal): Promise<readonly AccountRunResult[]> {
  const end = () => void daemon.stop()
  stop.addEventListener('abort', end, { once: true })
  try {
    return await daemon.once()
  } finally {
    stop.removeEventListener('abort', end)
  }
}

/** 77 before 75: what a person must mend does not mend itself by trying again. */
export function verdict(
  results: readonly AccountRunResult[],
  reports: readonly ModuleReport[],
  delivered: boolean,
): ExitCode {
  if (results.some(({ status }) => needsPerson(status))) return exit.login
  const failed = reports.some(isFailure) || results.some(({ failure }) => failure)
  return failed || !delivered ? exit.temporary : exit.done
}

interface DeliveryNeeds {
  readonly terminal: Pick<Terminal, 'err' | 'stop'>
  readonly clock: Clock
  /** What waits, in the plural. */
  readonly what: string
  readonly dataDir: string
}

/** Whether the broker has all events. Waits for its acknowledgements, and reports what is left. */
export async function isDelivered(
  daemon: Daemon,
  { terminal, clock, what, dataDir }: DeliveryNeeds,
): Promise<boolean> {
  const late = new AbortController()
  try {
    const timeoutMs = (await daemon.outbox.count()) > 0 ? brokerTimeoutMs : stateTimeoutMs
    const drained = daemon.drained(late.signal).then(() => true)
    const within = (ms: number, signal: AbortSignal) => {
      const over = clock.sleep(ms, AbortSignal.any([late.signal, signal])).catch(() => undefined)
      return Promise.race([drained, over.then(() => false), daemon.failed])
    }
    let settled = await within(timeoutMs, terminal.stop)
    // An interrupted run reports what is left, so events in flight may still arrive.
    if (!settled && terminal.stop.aborted) settled = await within(interruptedMs, late.signal)
    const left = settled ? 0 : await daemon.outbox.count()
    if (left === 0) return true
    const { broker } = await daemon.status.health()
    const why = whyNotDelivered(terminal.stop.aborted, broker.connected)
    terminal.err(
      `blink-manifestd: ${why}. ${left} ${what} wait in ${dataDir} and go out with the next run.\n`,
    )
    return false
  } finally {
    late.abort(new Error('over'))
  }
}

function whyNotDelivered(interrupted: boolean, connected: boolean): string {
  if (interrupted) return 'interrupted before the broker had acknowledged everything'
  return connected ? 'the broker has not acknowledged everything' : 'the broker did not answer'
}

/** A module without a drive, or one that is away, has answered: another try changes nothing. */
function isFailure(report: ModuleReport): boolean {
  // It should have been requested, and was not.
  if (report.kind === 'skipped') return report.reason === 'out_of_time'
  if (report.kind !== 'failed') return false
  return !['offline', 'no_storage', 'incompatible'].includes(report.outcome)
}

function progressBar() {
  const bar = new SingleBar({
    format: 'requesting {bar} {value}/{total} modules, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  })
  let count = 0
  let total = 0
  const show = () => {
    if (total < manyModules) return
    if (bar.isActive) bar.setTotal(Math.max(total, count))
    else bar.start(total, count)
    bar.update(count)
  }
  return {
    done() {
      count++
      show()
    },
    /** Of accounts that are still being discovered the modules are added later. */
    total(known: number) {
      total = known
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}

/** One module's outcome as a JSON document on one line. */
function outcomeLine(report: ModuleReport): string {
  const item = report.kind === 'requested' ? report.item : undefined
  return json({
    ...ids(report.module),
    name: report.module.name,
    network_name: report.module.networkName ?? null,
    outcome: report.kind === 'requested' ? 'requested' : report.outcome,
    asked: report.attempts > 0,
    attempts: report.attempts,
    at: iso(report.at),
    request_id: item ? number(item.requestId) : null,
    request_id_str: item?.requestId ?? null,
    event_id: item?.eventId ?? null,
    poll_url: item?.pollUrl ?? null,
    expires_at: timeOrNull(item?.expiresAt),
    latency_ms: report.kind === 'requested' ? report.latencyMs : null,
    reason: report.kind === 'skipped' ? report.reason : null,
    error: report.kind === 'failed' ? failure(report.failure) : null,
  } satisfies OnceLine)
}

/** All outcomes for a terminal. */
function outcomeTable(reports: readonly ModuleReport[]): string {
  const heads = ['Account', 'Network', 'Sync module', 'Name', 'Outcome', 'Request ID', 'Detail']
  const rows = reports.map((report) => {
    const { accountId, networkId, syncModuleId, name } = report.module
    return [accountId, networkId, syncModuleId, printable(name), ...resultCells(report)]
  })
  return plainTable(heads, rows)
}

function resultCells(report: ModuleReport): [string, string, string] {
  switch (report.kind) {
    case 'requested':
      return ['requested', report.item.requestId, `answered in ${report.latencyMs} ms`]
    case 'failed':
      return [report.outcome, '', printable(report.failure.message)]
    case 'skipped':
      return [report.outcome, '', `not requested: ${report.reason}`]
  }
}
