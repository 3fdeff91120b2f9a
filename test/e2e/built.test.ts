/** What `npm run build` makes, in a place where nothing else of this project is. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mosquittoTest } from '../support/mosquitto.ts'
import { programFile, startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const dist = dirname(programFile)
/** The line above each source in a built file. */
const partName = /^\s*\/\/ (src|node_modules)\/\S+$/gm

mosquittoTest('the built program needs no libraries beside it, and loads a few files to run', async () => {
  await using world = await startWorld()
  const coverage = join(world.directory, 'loaded')
  const env = {
    ...world.env,
    NODE_V8_COVERAGE: coverage,
    SCHEDULE_ON_START: 'true',
    SCHEDULE_SPREAD_SECONDS: '0',
  }
  const observer = await world.observer()
  await using program = startProgram(['run'], { env, cwd: world.directory })
  await until('a request ID', () => observer.on('/manifest/requested').length > 0, { state: program.stderr })
  expect((await program.stop()).code).toBe(0)

  const loaded = readdirSync(coverage).flatMap((name) => loadedFiles(join(coverage, name)))
  expect(loaded.length).toBeLessThan(60)
  const parts = loaded.flatMap(({ path }) => readFileSync(path, 'utf8').match(partName) ?? [])
  expect(parts).toContain('// src/app.ts')
  const unwanted =
    /node_modules\/(aedes|pg|pino-pretty|cli-)|src\/(fleet|simulator|storage\/postgres|mqtt\/embedded|cli\/(login|once|demo))/
  expect(parts.filter((part) => unwanted.test(part))).toEqual([])
  // What fills a table of all packet numbers, in mqtt-packet.
  const run = loaded.flatMap(({ functionsRun }) => functionsRun)
  expect(run).toContain('generateBuffer')
  expect(run).not.toContain('generateCache')
})

test('the built demo shows request IDs from the built-in broker and the simulator', async () => {
  await using world = await startWorld({ broker: false })
  const env = { TMPDIR: world.directory }
  await using demo = startProgram(['demo'], { env, cwd: world.directory })

  await until('a request ID', () => /request ID \d+/.test(demo.stdout()), { state: demo.stderr })

  expect((await demo.stop('SIGINT')).code).toBe(0)
})

test('the built program comes with the licence of each library in it', () => {
  const texts = globSync('**/*.js', { cwd: dist }).map((name) => readFileSync(join(dist, name), 'utf8'))
  const parts = texts.flatMap((text) => text.match(partName) ?? [])
  const libraries = new Set(
    parts.flatMap((part) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(part)?.[1] ?? []),
  )
  const licences = readFileSync(join(dist, 'third-party-licences.txt'), 'utf8')
  const titles = new Set([...licences.matchAll(/^(\S+) \d\S*: /gm)].map(([, name]) => name))

  expect(libraries).toContain('undici')
  expect([...libraries.difference(titles)]).toEqual([])
})

interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly functionName: string
      readonly ranges: readonly { readonly count: number }[]
    }[]
  }[]
}

/** The files that V8 says it has loaded, and the names of the functions in them that were run. */
function loadedFiles(report: string) {
  const { result } = JSON.parse(readFileSync(report, 'utf8')) as Coverage
  return result
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url, functions }) => ({
      path: fileURLToPath(url),
      functionsRun: functions.flatMap(({ functionName, ranges }) =>
        (ranges[0]?.count ?? 0) > 0 ? [functionName] : [],
      ),
    }))
}
