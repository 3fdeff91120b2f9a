/**
 * What a run came to: the figures, and every reason to call it failed. Pure.
 */
import type { Breakers } from './breakers.ts'
import type { Clips } from './clip-verdict.ts'
import type { Deliveries } from './deliveries.ts'
import type { Loads } from './load.ts'
import type { Recoveries, Times } from './recovery.ts'

export interface Ids {
  /** Made by the cloud, whether or not the answer arrived. */
  readonly given: number
  readonly stored: number
  /** Answered in full, and the daemon killed before it was on disk. */
  readonly killedBeforeDisk: number
  /** Of these, the longest time from the answer to the kill's end. */
  readonly longestInHandMs: number
  /** Made, but the answer was spoilt on its way or the daemon did not live to receive it. */
  readonly neverArrived: number
  /** Died of age waiting for the broker. */
  readonly expired: number
  /** Still in the outbox after the drain. */
  readonly leftWaiting: number
}

export interface Report {
  readonly seed: number
  readonly seconds: number
  readonly ids: Ids
  readonly deliveries: Omit<Deliveries, 'violations'>
  readonly requests: Loads['byKind']
  readonly faultsMet: Readonly<Record<string, number>>
  readonly breakers: Omit<Breakers, 'violations'>
  readonly recoveries: Recoveries
  readonly daemon: {
    readonly starts: number
    readonly ends: Readonly<Record<string, number>>
    readonly stops: number
    readonly longestStopMs: number
    readonly signIns: number
  }
  readonly broker: Readonly<Record<string, number>>
  /** Log lines at `error`, by message. */
  readonly errorLines: Readonly<Record<string, number>>
  readonly publishes: number
  /** Where clips were downloaded. */
  readonly clips?: Clips
  /** Why the run has failed; empty when it is sound. */
  readonly failures: readonly string[]
}

/** The figures for a person. */
export function asText(report: Report): string {
  const { ids, deliveries, breakers, daemon } = report
  const share = (part: number, whole: number) => `${part} (${((100 * part) / (whole || 1)).toFixed(2)} %)`
  const rows: readonly (readonly [string, unknown])[] = [
    ['seed, seconds', `${report.seed}, ${report.seconds}`],
    ['ids the cloud made', ids.given],
    ['  stored', ids.stored],
    [
      '  answered, killed before disk',
      `${share(ids.killedBeforeDisk, ids.given)}, at most ${ids.longestInHandMs} ms before the end`,
    ],
    ['  answer never arrived whole', share(ids.neverArrived, ids.given)],
    ['delivered (handed over, acknowledged)', deliveries.delivered],
    ['  more than once', `${deliveries.deliveredTwice} ids, ${deliveries.copies} copies`],
    ['  expired', ids.expired],
    ['  LOST (stored, never delivered)', deliveries.lost.length],
    ['received by the poller', `${deliveries.received}, more than once ${deliveries.receivedTwice}`],
    ['  lost by the broker after its PUBACK', deliveries.lostByBroker.length],
    ['starts of the daemon', daemon.starts],
    ['  ends', counts(daemon.ends)],
    ['  SIGTERM stops', `${daemon.stops}, longest ${daemon.longestStopMs} ms`],
    ['  sign-ins by a person', daemon.signIns],
    ['broker', counts(report.broker)],
    ['faults met by requests', counts(report.faultsMet)],
    ...Object.entries(report.requests).map(
      ([kind, { total, perMinute, busiest, allowed }]) =>
        [
          `requests: ${kind}`,
          `${total}, ${perMinute}/min; one account's busiest minute ${busiest}, allowed ${allowed}`,
        ] as const,
    ),
    [
      'breakers opened',
      `${breakers.opened}, unheard ${breakers.unheard}, published pauses ${breakers.promised}`,
    ],
    ['broker up -> first delivery', times(report.recoveries.brokerToDelivery)],
    ['cloud calm -> first id', times(report.recoveries.calmToId)],
    ['daemon start -> online', times(report.recoveries.startToOnline)],
    ...(report.clips ? clipRows(report.clips) : []),
    ['log lines at error', counts(report.errorLines)],
    ['failures', report.failures.length],
  ]
  return [
    ...rows.map(([name, value]) => `${name.padEnd(40)} ${value}`),
    ...report.failures.map((failure) => `  FAILED: ${failure}`),
  ].join('\n')
}

function clipRows(clips: Clips): readonly (readonly [string, unknown])[] {
  return [
    ['clips on the sticks', clips.recorded],
    ['  saved, whole', `${clips.saved}, after a trouble with an upload ${clips.savedAfterTrouble}`],
    ['  not saved, with a reason', counts(clips.excused)],
    ['  announced more than once', `${clips.announcedTwice} clips, ${clips.copies} copies`],
    ['  good requests for each', clips.requestsForEach],
    ['  uploads in the quiet time', `${clips.inQuietTime}, at most by ${clips.latestInQuietMs} ms`],
    ['troubles of uploads', counts(clips.troubles)],
    ['disk, sticks', `${counts(clips.disk)}; numbered anew ${clips.renumbered}`],
  ]
}

function counts(values: Readonly<Record<string, number>>): string {
  const parts = Object.entries(values).map(([name, count]) => `${name} ${count}`)
  return parts.join(', ') || 'none'
}

function times({ count, cutShort, medianMs, maxMs }: Times): string {
  return `median ${medianMs ?? '-'} ms, max ${maxMs ?? '-'} ms (${count} measured, ${cutShort} cut short)`
}

/** How often each value comes. */
export function statistics(values: readonly string[]): Readonly<Record<string, number>> {
  const groups = [...Map.groupBy(values, (value) => value)]
  return Object.fromEntries(groups.map(([value, all]) => [value, all.length]))
}
