/**
 * `npm run fleet -- --instances 3 --accounts 500 --minutes 10 --seed S`: several daemons share a PostgreSQL, everything
 * goes wrong for so long, and then the counting begins.
 *
 * The figures go to stdout, as text or with `--json` as one line, the course of things to stderr. Exit 0: nothing was
 * lost or doubled, no account was requested by two, nothing crashed. SIGINT ends the troubles early and still counts.
 */
import { parseArgs } from 'node:util'
import { markdownRow, ruleBelow } from '../bench/table.ts'
import { type Asked, type FigureName, figureNames, figures } from './measure.ts'
import { asText } from './report.ts'
import { runFleet } from './run.ts'

const usage = `usage: fleet [--instances 3] [--accounts 500] [--modules 2] [--minutes 10] [--every 20] [--seed S]
             [--connections N] [--json] [--keep DIRECTORY]
       fleet --figures ${figureNames.join(',')} [--instances 3] [--accounts 500] [--modules 2]
             [--every 20] [--runs 3] [--kills 50]
`

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        instances: { type: 'string', default: '3' },
        accounts: { type: 'string', default: '500' },
        modules: { type: 'string', default: '2' },
        minutes: { type: 'string', default: '10' },
        every: { type: 'string', default: '20' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        connections: { type: 'string' },
        figures: { type: 'string' },
        runs: { type: 'string', default: '3' },
        kills: { type: 'string', default: '50' },
        json: { type: 'boolean', default: false },
        keep: { type: 'string' },
      },
    })
    const { instances, accounts, modules, minutes, every, seed, connections, json, keep, runs, kills } =
      values
    return {
      ...{ instances: count(instances), accounts: count(accounts), modulesPerAccount: count(modules) },
      ...{ lengthMs: positive(minutes) * 60_000, everySeconds: count(every), seed: count(seed) },
      ...{ connections: connections === undefined ? undefined : count(connections), json, keep },
      ...{ runs: count(runs), kills: count(kills), figures: values.figures?.split(',').map(nameOf) },
    }
  } catch {
    return undefined
  }
}

function nameOf(text: string): FigureName {
  const found = figureNames.find((name) => name === text)
  if (found === undefined) throw new Error(`${text} is not one of ${figureNames.join(', ')}`)
  return found
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${text} is no number`)
  return Number(text)
}

function positive(text: string): number {
  if (!(Number(text) > 0)) throw new Error(`${text} is not above 0`)
  return Number(text)
}

const asked = readArguments()
if (!asked) {
  process.stderr.write(usage)
  process.exit(64)
}
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const begun = performance.now()
const tell = (what: string) =>
  process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${what}\n`)

const { json, figures: names, ...options } = asked
if (names) await measure(names, { ...options, signal: stop.signal, tell })
else await tryOut()

async function tryOut(): Promise<void> {
  tell(`seed ${options.seed}, ${options.instances} instances, ${options.accounts} accounts`)
  const report = await runFleet({ ...options, signal: stop.signal, tell })
  process.stdout.write(`${json ? JSON.stringify(report) : asText(report)}\n`)
  process.exitCode = report.failures.length === 0 ? 0 : 1
}

async function measure(wanted: readonly FigureName[], given: Asked): Promise<void> {
  for (const name of wanted) {
    process.stdout.write(`\n${name}\n\n`)
    let isHead = true
    for await (const cells of figures[name](given)) {
      process.stdout.write(`${markdownRow(cells)}\n`)
      if (isHead) process.stdout.write(`${ruleBelow(cells)}\n`)
      isHead = false
    }
  }
}
