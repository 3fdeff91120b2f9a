/**
 * `npm run bench`: the speed and size of the built daemon beside a bare loop of the same libraries, in one run.
 *
 * Ratios of the two go to stdout, each as the median of its laps with their range; the laps go to stderr. Nothing
 * is judged: machines are shared, and a figure says something beside its neighbour only.
 */
import { parseArgs } from 'node:util'
import { type TickFigures, ticksOf } from './scale.ts'
import { starts } from './start.ts'
import { ratios, spreadOf } from './statistics.ts'
import { contest, type LapFigures } from './throughput.ts'

const usage =
  'usage: bench [--figures throughput,start,scale] [--topics work_items,all] [--in-flight 1,8,64] [--laps N]\n' +
  '             [--ticks N] [--accounts 1,100,1000]\n'
const fleet = { accounts: 100, modulesPerAccount: 100 }
/** Of the fleets of `scale`. */
const modulesPerAccount = 100

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        figures: { type: 'string', default: 'throughput,start,scale' },
        topics: { type: 'string', default: 'work_items,all' },
        'in-flight': { type: 'string', default: '1,8,64' },
        laps: { type: 'string', default: '5' },
        ticks: { type: 'string', default: '3' },
        accounts: { type: 'string', default: '1,100,1000' },
      },
    })
    return {
      figures: values.figures.split(','),
      topics: values.topics.split(',').map((name) => (name === 'all' ? 'all' : 'work_items')),
      inFlight: values['in-flight'].split(',').map(Number),
      laps: Number(values.laps),
      ticks: Number(values.ticks),
      accounts: values.accounts.split(',').map(Number),
    } as const
  } catch {
    return undefined
  }
}

const asked = readArguments()
if (!asked) {
  process.stderr.write(usage)
  process.exit(64)
}

const begun = performance.now()
const tell = (what: string) =>
  process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${what}\n`)
const row = (...cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`)
const spread = (values: readonly number[], digits = 2) => {
  const { median, least, most } = spreadOf(values)
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`
}

/** A lap of the daemon and one of the bare loop fit twice between two slots, in this many seconds. */
const periodOf = (topics: 'work_items' | 'all', inFlight: number) =>
  topics === 'all' ? 60 : inFlight === 1 ? 30 : 20

if (asked.figures.includes('throughput')) {
  row(
    'topics',
    'in flight',
    'modules a second, daemon',
    'bare loop',
    'ratio',
    'CPU, ratio',
    'p50, ratio',
    'p99, ratio',
    'disk, bytes',
  )
  row(...Array.from({ length: 9 }, () => '---'))
  for (const topics of asked.topics) {
    for (const inFlight of asked.inFlight) {
      const periodSeconds = periodOf(topics, inFlight)
      const { daemon, bare } = await contest(
        { fleet, topics, inFlight, laps: asked.laps, periodSeconds },
        tell,
      )
      const of = (laps: readonly LapFigures[], name: keyof LapFigures) => laps.map((lap) => lap[name])
      const ratio = (name: keyof LapFigures) => spread(ratios(of(daemon, name), of(bare, name)))
      row(
        topics,
        String(inFlight),
        spread(of(daemon, 'modulesPerSecond'), 0),
        spread(of(bare, 'modulesPerSecond'), 0),
        ratio('modulesPerSecond'),
        ratio('cpuUs'),
        ratio('p50Ms'),
        ratio('p99Ms'),
        spread(of(daemon, 'diskBytes'), 0),
      )
    }
  }
}

if (asked.figures.includes('start')) {
  const { daemon, bare } = await starts(asked.laps, tell)
  row('start', 'daemon', 'bare script', 'ratio')
  row('---', '---', '---', '---')
  for (const [name, what] of [
    ['firstIdMs', 'first id, ms'],
    ['idleMb', 'memory when idle, MB'],
  ] as const) {
    const [ours, theirs] = [daemon.map((each) => each[name]), bare.map((each) => each[name])]
    row(what, spread(ours, 0), spread(theirs, 0), spread(ratios(ours, theirs)))
  }
}

if (asked.figures.includes('scale')) {
  row('modules', 'microseconds each', 'event loop p99, ms', 'memory after each tick, MB', 'highest')
  row('---', '---', '---', '---', '---')
  for (const accounts of asked.accounts) {
    const modules = accounts * modulesPerAccount
    const periodMinutes = modules > 10_000 ? 2 : 1
    const fleet = { accounts, modulesPerAccount }
    const figures = await ticksOf(fleet, { ticks: asked.ticks, periodMinutes }, tell)
    // The first tick meets code that is not compiled yet and modules that are new.
    const of = (name: keyof TickFigures) => figures.slice(asked.ticks > 1 ? 1 : 0).map((tick) => tick[name])
    row(
      String(modules),
      spread(of('usPerModule'), 0),
      spread(of('loopDelayP99Ms'), 1),
      figures.map(({ memoryMb }) => memoryMb.toFixed(0)).join(', '),
      figures.at(-1)?.highestMb.toFixed(0) ?? '',
    )
  }
}
