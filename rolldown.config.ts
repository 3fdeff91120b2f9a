/**
 * How `dist/` is made: the program and its libraries in a few files, with the licences of what is in them.
 *
 * To find, read and compile some 630 files one by one was most of the time from a start to the first request. What
 * is loaded by `import()` stays a file of its own, loaded when it is wanted. Nothing is shortened: a stack trace
 * names the functions, and a comment in the file the source they are from.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin, RolldownOptions } from 'rolldown'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
}

/** The directory of the package that a bundled file is from; undefined for our own. */
const packageOf = (id: string) => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]

/** What the licences of others ask of whoever passes their work on: their text. */
function licenceOf(directory: string): string {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest
  const title = `${manifest.name} ${manifest.version}`
  const files = readdirSync(directory)
  const read = (name: string) => readFileSync(join(directory, name), 'utf8').trim()
  const own = files.filter((name) => /^(licen[cs]e|notice)/i.test(name)).map(read)
  const texts = own.length > 0 ? own : files.filter((name) => /^readme/i.test(name)).flatMap(licenceIn)
  if (manifest.license === undefined || texts.length === 0)
    throw new Error(`${title} comes without a licence`)

  /** Of packages that have it at the end of their description. */
  function licenceIn(name: string): readonly string[] {
    const [, text] = /^#+ licen[cs]e\s+([\s\S]*)/im.exec(read(name)) ?? []
    return text?.includes('Permission is hereby granted') ? [text] : []
  }

  return [`${title}: ${manifest.license}`, ...texts].join('\n\n')
}

const licences: Plugin = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const files = Object.values(bundle).flatMap((one) => (one.type === 'chunk' ? one.moduleIds : []))
    const packages = new Set(files.map(packageOf).filter((directory) => directory !== undefined))
    const texts = [...packages].sort().map(licenceOf)
    const source = `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
    this.emitFile({ type: 'asset', fileName: 'third-party-licences.txt', source })
  },
}

const assetsFile = join(import.meta.dirname, 'src/web/assets.ts')

/** Puts the texts of style sheets and scripts in the place of the calls that read their files. */
const assets: Plugin = {
  name: 'assets',
  transform(code, id) {
    if (id !== assetsFile) return undefined
    const imports: string[] = []
    const withTexts = code.replace(/\btextOf\((['"])(\.[^'"]+)\1\)/g, (_call, _quote, path: string) => {
      const name = `text${imports.length}`
      imports.push(`import ${name} from ${JSON.stringify(`${join(assetsFile, '..', path)}?text`)}`)
      return name
    })
    return `${imports.join('\n')}\n${withTexts}`
  },
  resolveId: (id) => (id.endsWith('?text') ? id : undefined),
  load(id) {
    if (!id.endsWith('?text')) return undefined
    return `export default ${JSON.stringify(readFileSync(id.replace('?text', ''), 'utf8'))}`
  },
}

export default {
  input: 'src/main.ts',
  platform: 'node',
  plugins: [assets, licences],
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    // Two steps below package.json, as the sources are: the version is read from there.
    chunkFileNames: 'parts/[name].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
} satisfies RolldownOptions
