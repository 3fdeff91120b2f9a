/**
 * What a run of a fleet came to: the figures, and every reason to call it failed. Pure.
 */
import { percentile } from '../bench/statistics.ts'
import { statistics } from '../chaos/report.ts'
import type { Life, Trouble } from './instances.ts'
import type { Ids } from './verdict.ts'

/** A number of values and where they lie, in milliseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

export interface Report {
  readonly seed: number
  readonly seconds: number
  readonly instances: number
  readonly accounts: number
  readonly modules: number
  readonly everySeconds: number
  /** Runs of the schedule that were seen, and what would have been an account run if none had been left out. */
  readonly runs: { readonly seen: number; readonly accountRuns: number; readonly due: number }
  readonly accountsPerSecond: number
  /** From the time of a run to an account's first request in it, once nothing went wrong. */
  readonly latenessCalm: Spread | undefined
  readonly lateness: Spread | undefined
  /** From the end of an instance to the next request for an account that it worked on. */
  readonly takeovers: Spread | undefined
  readonly ids: Ids
  /** Events that the stop of all instances has left to the next start. */
  readonly leftByStop: number
  readonly overlaps: number
  readonly lives: readonly Life[]
  readonly troubles: readonly Trouble[]
  readonly store: Readonly<Record<string, number>>
  readonly cloud: Readonly<Record<string, number>>
  readonly signedOut: number
  /** Why the run has failed; empty when it is sound. */
  readonly failures: readonly string[]
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  return {
    count: values.length,
    p50: Math.round(percentile(values, 0.5)),
    p99: Math.round(percentile(values, 0.99)),
    most: Math.round(values.reduce((most, value) => Math.max(most, value))),
  }
}

function spreadText(spread: Spread | undefined): string {
  if (!spread) return 'none'
  const { count, p50, p99, most } = spread
  return `p50 ${p50} ms, p99 ${p99} ms, most ${most} ms (${count})`
}

/** The figures for a person. */
export function asText(report: Report): string {
  const { ids, runs, lives } = report
  const ends = statistics(lives.map(({ end, moment }) => [end, moment].filter(Boolean).join(' ')))
  const troubles = statistics(
    report.troubles.map(({ kind, instance }) => (instance === undefined ? `all without ${kind}` : kind)),
  )
  const rows: readonly (readonly [string, unknown])[] = [
    ['seed, seconds', `${report.seed}, ${report.seconds}`],
    [
      'instances, accounts, modules',
      `${report.instances}, ${report.accounts}, ${report.modules}; a run each ${report.everySeconds} s`,
    ],
    ['runs seen', runs.seen],
    ['  account runs', `${runs.accountRuns} of ${runs.due}, ${runs.due - runs.accountRuns} skipped`],
    ['  accounts a second', report.accountsPerSecond.toFixed(1)],
    ['  late, in all', spreadText(report.lateness)],
    ['  late, when all is well again', spreadText(report.latenessCalm)],
    ['takeover after a kill', spreadText(report.takeovers)],
    ['ids given by the cloud', ids.given],
    ['  delivered', `${ids.delivered}, copies with the same event id ${ids.copies}`],
    ['  left by the last stop', report.leftByStop],
    ['  not stored, with a reason', counts(ids.excused)],
    ['requests of two instances at once', report.overlaps],
    ['lives of instances', counts(ends)],
    ['  longest stop', `${Math.max(0, ...lives.map(({ stopMs = 0 }) => stopMs))} ms`],
    ['troubles', counts(troubles)],
    ['PostgreSQL', counts(report.store)],
    ['cloud', counts(report.cloud)],
    ['accounts that lost their token', report.signedOut],
    ['failures', report.failures.length],
  ]
  return [
    ...rows.map(([name, value]) => `${name.padEnd(34)} ${String(value)}`),
    ...report.failures.map((failure) => `  FAILED: ${failure}`),
  ].join('\n')
}

function counts(values: Readonly<Record<string, number>>): string {
  const parts = Object.entries(values).map(([name, count]) => `${name} ${count}`)
  return parts.join(', ') || 'none'
}
