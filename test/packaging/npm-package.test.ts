/** The npm package as it is published: what is in it, and that it works where nothing else is. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { directoryWith } from '../support/place.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'

const { command, directory, tarball } = inject('packed')
const root = join(import.meta.dirname, '../..')
const tools = join(root, 'node_modules/.bin')
const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Record<string, unknown>

test('the installed program runs with Node.js and nothing else', () => {
  const env = { PATH: dirname(process.execPath), HOME: directoryWith() }
  const printed = execFileSync(command, ['--version'], { env, encoding: 'utf8' })

  expect(printed).toBe(`${String(manifest.version)}\n`)
})

test('the page of the installed program comes with its style sheets and scripts', async () => {
  const place = directoryWith()
  await using demo = startProgram(['demo'], { env: { TMPDIR: place }, cwd: place })
  const url = await until('its address', () => /http:\/\/127\.0\.0\.1:\d+\//.exec(demo.stdout())?.[0], {
    state: demo.stderr,
  })

  const page = await (await fetch(url)).text()
  const paths = [...page.matchAll(/(?:href|src)="([^"]+\.(?:css|js)[^"]*)"/g)].map(([, path = '']) => path)
  const answers = await Promise.all(paths.map((path) => fetch(new URL(path, url))))

  expect(paths.length).toBeGreaterThan(1)
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200))
  for (const answer of answers) expect((await answer.text()).length).toBeGreaterThan(100)
  expect((await demo.stop()).code).toBe(0)
})

test('the first line of the program is one that the env of BusyBox takes', () => {
  const [line] = readFileSync(command, 'utf8').split('\n', 1)

  expect(line).toBe('#!/usr/bin/env node')
})

test('an older Node.js gets one sentence and exit code 78', () => {
  const asVersion = (version: string) =>
    `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`
  const program = join(directory, 'dist/main.js')
  const oldest = /\d+/.exec((manifest.engines as { readonly node: string }).node)?.[0]
  const old = `${Number(oldest) - 1}.9.0`

  const ended = spawnSync(process.execPath, ['--import', asVersion(old), program, 'run'], {
    encoding: 'utf8',
  })

  const sentence = `blink-manifestd: needs Node.js ${oldest} or newer, and this is ${old}\n`
  expect(ended).toMatchObject({ status: 78, stdout: '', stderr: sentence })
})

const olderNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const major = Number(/^v(\d+)/.exec(stdout ?? '')?.[1])
  return major >= 18 && major < 24
})

test(`the older Node.js of this system (${olderNode ?? 'it has none: skipped'}) prints no stack`, (context) => {
  if (olderNode === undefined) return context.skip()
  const program = join(directory, 'dist/main.js')

  const { status, stderr } = spawnSync(olderNode, [program], { encoding: 'utf8' })

  expect({ status, stderr }).toEqual({
    status: 78,
    stderr: expect.stringMatching(/^blink-manifestd: needs Node.js .*\n$/),
  })
})

test('the package names no dependencies, since its libraries are in dist/', () => {
  for (const kind of ['dependencies', 'optionalDependencies', 'bundleDependencies'])
    expect(manifest[kind], `${kind}: list libraries under devDependencies`).toBeUndefined()
})

test('the package has what its description names, and nothing of the sources', () => {
  const links = readFileSync(join(directory, 'README.md'), 'utf8').matchAll(/\]\(([^)#\s]+)\)/g)
  const linked = [...links].map(([, path = '']) => path)
  // For those who work on it, in a checkout.
  const elsewhere = ['ARCHITECTURE.md', 'CONTRIBUTING.md']

  expect(linked.length).toBeGreaterThan(10)
  expect(linked.filter((path) => !existsSync(join(directory, path)))).toEqual(
    linked.filter((path) => elsewhere.includes(path)),
  )
  expect(globSync('{src,test,scripts,node_modules}', { cwd: directory })).toEqual([])
  for (const file of ['LICENSE', 'CHANGELOG.md', 'config/example.yaml', 'dist/third-party-licences.txt'])
    expect(existsSync(join(directory, file)), file).toBe(true)
})

test.each([
  ['publint', [tarball, '--strict']],
  // Asks no registry for types of others.
  ['attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-color']],
])('%s has nothing to say against the package', (tool, words) => {
  const { status, stdout, stderr } = spawnSync(join(tools, tool), words, { encoding: 'utf8' })

  expect(status, stdout + stderr).toBe(0)
})

/** The directory of a person who has the package and what the example needs. */
function projectWith(files: Readonly<Record<string, string>>): string {
  const project = directoryWith({ 'package.json': '{"type": "module"}', 'node_modules/.keep': '', ...files })
  symlinkSync(directory, join(project, 'node_modules/blink-manifestd'))
  for (const name of ['mqtt', '@types'])
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  return project
}

function compile(project: string) {
  const options = [
    '--strict',
    '--noEmit',
    '--allowImportingTsExtensions',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  const words = [
    '--module',
    'nodenext',
    '--target',
    'es2024',
    ...options,
    ...globSync('*.ts', { cwd: project }),
  ]
  return spawnSync(join(tools, 'tsc'), words, { cwd: project, encoding: 'utf8' }).stdout
}

test('the example of a poller takes its types from the package', () => {
  const example = join(directory, 'examples/poller')
  const files = globSync('*.ts', { cwd: example }).map((name) => [
    name,
    readFileSync(join(example, name), 'utf8'),
  ])
  const wrong = `import type { ModuleEvent, WorkItem } from 'blink-manifestd/schemas'
    export const number = (item: WorkItem): string => item.request_id
    export const reason = (event: ModuleEvent): string =>
      event.event_type === 'manifest_request_skipped' ? event.reason : event.event_type`

  expect(compile(projectWith(Object.fromEntries(files)))).toBe('')
  expect(compile(projectWith({ 'wrong.ts': wrong }))).toMatch(
    /^wrong\.ts\(2,\d+\): error TS2322: Type 'number' is not assignable to type 'string'\.\n$/,
  )
})

test('the JSON Schemas can be imported together and one by one', () => {
  const reader = `import { schemas } from 'blink-manifestd/schemas'
    import workItem from 'blink-manifestd/schemas/work-item.json' with { type: 'json' }
    console.log(schemas['work-item'] === workItem, workItem.title)`
  const project = projectWith({ 'reader.js': reader })

  const printed = execFileSync(process.execPath, ['reader.js'], { cwd: project, encoding: 'utf8' })

  expect(printed).toBe('true Work item\n')
})

test('npm lists the libraries in the package as its bill of materials', () => {
  const words = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
  const printed = execFileSync('npm', words, { cwd: root, encoding: 'utf8', maxBuffer: 100_000_000 })
  const { components } = JSON.parse(printed) as { readonly components: readonly { readonly name: string }[] }

  expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(['undici', 'mqtt', 'zod']))
})
