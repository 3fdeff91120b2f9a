/**
 * `npm run chaos -- --minutes N --seed S`: everything goes wrong for N minutes, and then the counting begins. With
 * `--clips` clips are downloaded, and their cloud and their disk go wrong as well.
 *
 * The figures go to stdout, as text or with `--json` as one line, the course of things to stderr. Exit 0: nothing
 * was lost, no rule was broken, nothing crashed. SIGINT ends the chaos early and still counts.
 */
import { parseArgs } from 'node:util'
import { asText } from './report.ts'
import { runChaos } from './run.ts'

const mostMinutes = 60
const usage = `usage: chaos [--minutes N] [--seed S] [--clips] [--json] [--keep DIRECTORY]   N up to ${mostMinutes}\n`

function readArguments():
  | { minutes: number; seed: number; clips: boolean; json: boolean; keep: string | undefined }
  | undefined {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        clips: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        keep: { type: 'string' },
      },
    })
    const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
    if (!(minutes > 0 && minutes <= mostMinutes) || !Number.isSafeInteger(seed)) return undefined
    return { minutes, seed, clips: values.clips, json: values.json, keep: values.keep }
  } catch {
    return undefined
  }
}

const asked = readArguments()
if (!asked) {
  process.stderr.write(usage)
  process.exit(64)
}
const { minutes, seed, clips, json, keep } = asked
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const begun = performance.now()
const tell = (what: string) =>
  process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${what}\n`)

tell(`seed ${seed}, ${minutes} min`)
const report = await runChaos({ seed, lengthMs: minutes * 60_000, clips, signal: stop.signal, keep, tell })
process.stdout.write(`${json ? JSON.stringify(report) : asText(report)}\n`)
if (json) process.stderr.write(`${asText(report)}\n`)
process.exitCode = report.failures.length === 0 ? 0 : 1
