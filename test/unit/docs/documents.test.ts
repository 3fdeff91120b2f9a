/** What documents name is there: settings, commands, links, headings, tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { cloudAnswersTable } from '../../../scripts/cloud-answers-table.ts'
import { settingsTable } from '../../../scripts/settings-table.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const markdown = (directory: string) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name))
const documents = [...markdown('.'), ...markdown('docs')].map((path) => ({ path, text: read(path) }))

test('the page about the settings lists every setting as the schema has it', () => {
  expect(read('docs/configuration.md')).toContain(`-->\n${settingsTable()}\n<!--`)
})

test('the page about answers of the cloud has what the code makes of each', () => {
  expect(read('docs/cloud-answers.md')).toContain(`-->\n${cloudAnswersTable()}\n<!--`)
})

test('the README is at most 9 kB', () => {
  expect(Buffer.byteLength(read('README.md'))).toBeLessThanOrEqual(9_000)
})

test('documents show only npm scripts that the package has', () => {
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> }
  const run = documents.flatMap(({ text }) =>
    [...text.matchAll(/npm run ([a-z\d:-]+)/g)].map(([, name = '']) => name),
  )

  expect(run.length).toBeGreaterThan(5)
  expect(run.filter((name) => !(name in scripts))).toEqual([])
})

test('every link between documents leads to a file, and to a heading in it', () => {
  const links = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ path, target })),
  )
  const broken = links.filter(({ path, target }) => !target.startsWith('http') && !leads(path, target))

  expect(links.length).toBeGreaterThan(30)
  expect(broken).toEqual([])
})

test('every file of the project that a document names is there', () => {
  const named = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:src|test|scripts|examples|config|docs)\/[\w./-]+)`/g)].map(([, file = '']) => ({
      path,
      file,
    })),
  )
  // A person makes the first, and the second lies in Home Assistant's own directory.
  const elsewhere = ['config/local.yaml', 'config/blueprints/automation/']
  const missing = named.filter(({ file }) => !elsewhere.includes(file) && !existsSync(join(root, file)))

  expect(named.length).toBeGreaterThan(30)
  expect(missing).toEqual([])
})

test('every message of the program that a document quotes is in the code', () => {
  const code = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => read(join('src', path)).toLowerCase())
  const quoted = documents.flatMap(({ text }) =>
    [...text.matchAll(/`(?!npm |docker )([A-Za-z][a-z]+(?: [A-Za-z]+){2,})`/g)].map(
      ([, message = '']) => message,
    ),
  )
  const unknown = quoted.filter((message) => !code.some((text) => text.includes(message.toLowerCase())))

  expect(quoted.length).toBeGreaterThan(3)
  expect(unknown).toEqual([])
})

function leads(from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? from : join(dirname(from), file)
  if (!existsSync(join(root, path))) return false
  return anchor === undefined || headingsOf(read(path)).includes(anchor)
}

/** Headings as GitHub makes anchors of them. */
function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
