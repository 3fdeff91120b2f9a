/**
 * When a cron expression fires in a time zone, over both changes of the clocks.
 *
 * node-cron reads the expression and knows whether a day is meant; in UTC it knows no change of the clocks. It
 * cannot place times of a zone on the day of a change: it leaves out the first of the two equal hours in autumn, or
 * forgets the second one for a program that starts between them. So this file maps times of the wall clock to moments
 * itself, by the offsets that Intl knows.
 *
 * In spring, times inside the hour that is left out do not happen. In autumn an expression whose hour field is `*` or
 * a step runs through both equal hours; any other runs once, the first time that its time comes.
 */
import { createTask, parse } from 'node-cron'

export interface RunTimes {
  /** The next runs behind a moment, at most `count`; fewer when the expression has no more. */
  after(moment: number, count: number): readonly number[]
  /** Whether a run at this moment must be remembered over a restart: its time may come a second time. */
  mayComeAgain(moment: number): boolean
}

export interface RunTimesNeeds {
  readonly expression: string
  /** IANA name. */
  readonly timezone: string
  /** Whether the run at `first` has happened; the wall clock shows the same time once more at `again`. */
  readonly hasRun: (first: number, again: number) => boolean
}

const dayMs = 24 * 60 * 60 * 1000

/** The 29th of February may be eight years away. */
const longestSearchMs = 9 * 366 * dayMs

export function runTimes({ expression, timezone, hasRun }: RunTimesNeeds): RunTimes {
  const offsetAt = offsetsOf(timezone)
  const inDay = timesInDay(expression)
  const [firstInDay = 0] = inDay
  const dayMatcher = createTask(expression, () => undefined, { timezone: 'UTC' })
  const runsThroughBoth = isInterval(expression)

  /** Whether the expression means the day that begins at this moment of the wall clock. */
  const isMeant = (day: number) => dayMatcher.match(new Date(day + firstInDay))

  /** A stretch without a change of the clocks, from `from` on, for a day at most. */
  function stretch(from: number): { readonly offset: number; readonly end: number } {
    const offset = offsetAt(from)
    let end = from + dayMs
    if (offsetAt(end) === offset) return { offset, end }
    for (let same = from; end - same > 1; ) {
      const middle = Math.floor((same + end) / 2)
      if (offsetAt(middle) === offset) same = middle
      else end = middle
    }
    return { offset, end }
  }

  /** The runs of a stretch; by the wall clock they are in at most two days. */
  function* runsIn(from: number, end: number, offset: number): Generator<number> {
    for (let day = startOfDay(from + offset); day < end + offset; day += dayMs) {
      if (!isMeant(day)) continue
      for (let at = firstFrom(inDay, from + offset - day); at < inDay.length; at++) {
        const run = day + (inDay[at] ?? 0) - offset
        if (run >= end) return
        yield run
      }
    }
  }

  /** The earlier moment at which the wall clock showed the same, or `undefined`. */
  function earlier(run: number): number | undefined {
    const first = run + offsetAt(run) - offsetAt(run - dayMs)
    return first < run && first + offsetAt(first) === run + offsetAt(run) ? first : undefined
  }

  /** Whether a run would be the second one of the same time of the day. */
  function isRepeated(run: number, moment: number): boolean {
    if (runsThroughBoth) return false
    const first = earlier(run)
    return first !== undefined && (first > moment || hasRun(first, run))
  }

  return {
    after(moment, count) {
      const found: number[] = []
      let from = Math.floor(moment) + 1
      while (from < moment + longestSearchMs) {
        const { offset, end } = stretch(from)
        for (const run of runsIn(from, end, offset)) {
          if (isRepeated(run, moment)) continue
          found.push(run)
          if (found.length === count) return found
        }
        from = end
      }
      return found
    },
    mayComeAgain(moment) {
      return !runsThroughBoth && offsetAt(moment - dayMs) !== offsetAt(moment + dayMs)
    },
  }
}

/** Whether an expression means an interval rather than times of the day: its hour field is `*` or a step. */
function isInterval(expression: string): boolean {
  const text = expression.trim()
  if (text.startsWith('@')) return text.toLowerCase() === '@hourly'
  return /[*/]/.test(text.split(/\s+/).at(-4) ?? '')
}

/** The times of a day that the expression names, in milliseconds from its beginning, in their order. */
function timesInDay(expression: string): readonly number[] {
  const { second, minute, hour } = parse(expression)
  const times = hour.flatMap((h) => minute.flatMap((m) => second.map((s) => ((h * 60 + m) * 60 + s) * 1000)))
  return times.sort((one, other) => one - other)
}

/** The place of the first time that is not before `ms`. */
function firstFrom(times: readonly number[], ms: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < ms) low = middle + 1
    else high = middle
  }
  return low
}

function startOfDay(wall: number): number {
  return Math.floor(wall / dayMs) * dayMs
}

/** How far the wall clock of a zone is ahead of UTC at a moment, in milliseconds. */
function offsetsOf(timezone: string): (moment: number) => number {
  if (timezone === 'UTC') return () => 0
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  })
  return (moment) => {
    const seconds = Math.floor(moment / 1000) * 1000
    const shown = new Map(format.formatToParts(seconds).map(({ type, value }) => [type, Number(value)]))
    const [year = 0, month = 1, day, hour, minute, second] = (
      ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
    ).map((part) => shown.get(part))
    return Date.UTC(year, month - 1, day, hour, minute, second) - seconds
  }
}
