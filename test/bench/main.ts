/**
 * `npm run bench`: the speed and size of the built daemon beside a bare loop of the same libraries, in one run.
 *
 * Tables go to stdout, each value as the median of its laps with their range; the laps go to stderr. Nothing is
 * judged: machines are shared, and a figure says something beside its neighbour only. A figure that cannot be taken
 * says why, and the others are taken all the same.
 */
import { inspect } from 'node:util'
import { type Asked, type FigureName, readArguments, usage } from './arguments.ts'
import { flat } from './flatness.ts'
import { idle } from './idle.ts'
import { pipeline } from './pipeline.ts'
import { scale } from './scale.ts'
import { sizes } from './sizes.ts'
import { start } from './start.ts'
import { markdownRow, type Rows, ruleBelow } from './table.ts'
import { throughput } from './throughput.ts'
import { wire } from './wire.ts'

const figures: Readonly<Record<FigureName, (asked: Asked, say: (text: string) => void) => Rows>> = {
  throughput,
  start,
  scale,
  flat,
  pipeline,
  wire,
  idle,
  sizes,
}

const asked = readArguments(process.argv.slice(2))
if (!asked) {
  process.stderr.write(usage)
  process.exit(64)
}

// The children are ended on our exit, which a signal alone would skip.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const begun = performance.now()
const tell = (what: string) =>
  process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${what}\n`)

for (const name of asked.figures) {
  process.stdout.write(`\n${name}\n\n`)
  try {
    await print(figures[name](asked, tell))
  } catch (error) {
    process.stdout.write(`\n${name} ends here: ${error instanceof Error ? error.message : String(error)}\n`)
    process.stderr.write(`${inspect(error)}\n`)
    process.exitCode = 1
  }
}

async function print(rows: Rows): Promise<void> {
  let isHead = true
  for await (const cells of rows) {
    process.stdout.write(`${markdownRow(cells)}\n`)
    if (isHead) process.stdout.write(`${ruleBelow(cells)}\n`)
    isHead = false
  }
}
