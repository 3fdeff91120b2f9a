/** The files of the Home Assistant app: the rules of its linter, and that they say what the program does. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, lstatSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { assembleApp, copiedBy } from '../../scripts/homeassistant-app.ts'
import { settings } from '../../src/config/schema.ts'
import { directoryWith } from '../support/place.ts'

const root = join(import.meta.dirname, '../..')
const at = (...path: string[]) => join(root, 'homeassistant-app', ...path)
const text = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')

interface AppConfig {
  readonly version: string
  readonly slug: string
  readonly image?: string
  readonly arch: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
  readonly schema: Readonly<Record<string, string | readonly string[]>>
}

const config = parse(text('homeassistant-app/config.yaml')) as AppConfig
const manifest = JSON.parse(text('package.json')) as {
  readonly version: string
  readonly repository?: unknown
}

/** Every key that the linter knows and that fits here, with its default: a key equal to its default is an error. */
const keys: Readonly<Record<string, unknown>> = {
  ...{ name: undefined, version: undefined, slug: undefined, description: undefined, arch: undefined },
  ...{ url: undefined, image: undefined, homeassistant: undefined, machine: undefined },
  ...{ init: true, startup: 'application', boot: 'auto', stage: 'stable', timeout: 10, tmpfs: false },
  ...{ ingress: false, ingress_port: 8099, ingress_entry: undefined, ingress_stream: false },
  ...{ panel_icon: 'mdi:puzzle', panel_title: undefined, panel_admin: true },
  ...{ services: undefined, map: undefined, options: {}, schema: {}, apparmor: true },
  ...{ backup: 'hot', backup_exclude: undefined, breaking_versions: undefined },
}

test('the app has only keys that the linter knows, and none that is equal to its default', () => {
  for (const [key, value] of Object.entries(config)) {
    expect(Object.keys(keys), key).toContain(key)
    expect(value, `${key} is equal to its default`).not.toEqual(keys[key])
  }
})

test('the app says what it must, and asks for no more than it needs', () => {
  expect(config).toMatchObject({
    name: 'blink-manifestd',
    version: manifest.version,
    slug: expect.stringMatching(/^[-_.A-Za-z0-9]+$/),
    description: expect.any(String),
    arch: ['aarch64', 'amd64'],
    homeassistant: '2025.10.0',
    init: false,
    ingress: true,
    panel_icon: expect.stringMatching(/^mdi:[a-z-]+$/),
    services: ['mqtt:want'],
    // Not addon_config or app_config: renamed in 2026.07, and neither is known to all Supervisors.
    map: ['media:rw'],
    backup: 'cold',
  })
})

test('the app names an image if, and only if, the owner of the repository is known', () => {
  expect(config.image === undefined).toBe(manifest.repository === undefined)
  expect(existsSync(at('build.yaml')), 'the base stands in the Dockerfile').toBe(false)
  expect(parse(text('repository.yaml'))).toMatchObject({ name: 'blink-manifestd' })
})

/** What the Supervisor understands as the type of an option. */
const typeShape =
  /^(bool|str(\(\d*,\d*\))?|password|url|email|port|int(\(-?\d*,-?\d*\))?|float(\(.*\))?|match\(.*\)|list\(.+\))\??$/
const settingOf = (option: string) => settings.find(({ env }) => env.toLowerCase() === option)

test.for(Object.entries(config.schema))('the option %s is a setting, of its type', ([option, type]) => {
  const setting = settingOf(option)
  const [plain = ''] = [type].flat()

  expect(setting, 'no such setting').toBeDefined()
  expect(plain).toMatch(typeShape)
  expect(plain.replace(/\?$/, '')).toBe(typeOf(setting))
  expect(Array.isArray(type)).toBe(Array.isArray(setting?.default))
})

/** The type of the Supervisor that takes just what the setting takes. */
function typeOf(setting: ReturnType<typeof settingOf>): string {
  const format = setting?.format ?? ''
  const [, least, most] = /^a whole number from (-?\d+) to (\d+)$/.exec(format) ?? []
  if (least !== undefined) return `int(${least},${most})`
  const [, words] = /^one of (.+)$/.exec(format) ?? []
  if (words !== undefined) return `list(${words.replaceAll(', ', '|')})`
  if (format === 'true or false') return 'bool'
  return setting?.sensitive ? 'password' : 'str'
}

test('what an option is set to at first is the default of the program', () => {
  for (const [option, value] of Object.entries(config.options)) {
    expect(config.schema[option], `${option} may be left away, so it needs no value`).not.toMatch(/\?$/)
    expect(value).toEqual(settingOf(option)?.default)
  }
  const required = Object.entries(config.schema).filter(([, type]) => ![type].flat()[0]?.endsWith('?'))
  expect(Object.keys(config.options)).toEqual(required.map(([option]) => option))
})

test('the image sets no variable that is an option as well', () => {
  const names = [...text('homeassistant-app/Dockerfile').matchAll(/([A-Z_]{4,})=/g)].map(
    ([, name = '']) => name,
  )

  expect(names).toContain('WEB_INGRESS')
  expect(names.filter((name) => name.toLowerCase() in config.schema)).toEqual([])
})

test.for(['en', 'de'])('the translation %s has a name and a sentence for each option', (language) => {
  const translated = parse(text('homeassistant-app/translations', `${language}.yaml`)) as {
    readonly configuration: Readonly<Record<string, { readonly name: string; readonly description: string }>>
  }

  expect(Object.keys(translated)).toEqual(['configuration'])
  expect(Object.keys(translated.configuration)).toEqual(Object.keys(config.schema))
  for (const [option, words] of Object.entries(translated.configuration)) {
    expect(Object.keys(words), option).toEqual(['name', 'description'])
    expect(words.description, option).toMatch(/^[A-ZÄÖÜ0-9].*\.$/s)
  }
})

test.for([
  ['icon', 128, 128],
  ['logo', 250, 100],
] as const)('%s.png is %i by %i, and was drawn from the SVG beside it', ([name, width, height]) => {
  const png = readFileSync(at(`${name}.png`))

  expect(png.subarray(1, 4).toString()).toBe('PNG')
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([width, height])
  expect(text('homeassistant-app', `${name}.svg`)).toContain(`width="${width}" height="${height}"`)
})

test('the documents of the app are there, and its changelog is that of the program', () => {
  for (const name of ['README.md', 'DOCS.md']) expect(statSync(at(name)).size, name).toBeGreaterThan(200)
  expect(lstatSync(at('CHANGELOG.md')).isSymbolicLink()).toBe(true)
  expect(readFileSync(at('CHANGELOG.md'), 'utf8')).toBe(text('CHANGELOG.md'))
})

/** A test that needs AppArmor's parser. */
function apparmorTest(name: string, body: () => void): void {
  const missing = spawnSync('apparmor_parser', ['--version']).error !== undefined
  if (missing && !process.env.CI) test.skip(`${name} [skipped: apparmor is not installed]`, body)
  else test(name, body)
}

apparmorTest('the AppArmor profile can be read, and is one profile', () => {
  const { status, stderr } = spawnSync('apparmor_parser', ['-Q', '-K', at('apparmor.txt')], {
    encoding: 'utf8',
  })
  const profiles = [...text('homeassistant-app/apparmor.txt').matchAll(/^profile (\S+) /gm)]

  expect(status, stderr).toBe(0)
  expect(profiles.map(([, name]) => name)).toEqual([config.slug])
})

test('the start script gives the program what the image of the program gives it', () => {
  const entryPoint = /^ENTRYPOINT (.*)$/m.exec(text('Dockerfile'))?.[1] ?? '[]'
  const words = (JSON.parse(entryPoint) as string[]).map((word) => word.replace(/^dist\//, '/app/dist/'))

  expect(text('homeassistant-app/start.sh')).toContain(`  ${words.join(' ')} "$@"\n`)
  expect(statSync(at('start.sh')).mode & 0o111).toBe(0o111)
})

test('the app can be built from one directory, without an image from anywhere', () => {
  const target = join(directoryWith(), 'app')

  assembleApp(target)

  const dockerfile = readFileSync(join(target, 'Dockerfile'), 'utf8')
  for (const source of copiedBy(dockerfile)) expect(existsSync(join(target, source)), source).toBe(true)
  const stages = [...dockerfile.matchAll(/^FROM +(?:--\S+ +)?(\S+)(?: +AS +(\S+))?$/gm)]
  expect(stages.map(([, base, name]) => [base, name])).toEqual([
    ['node:24-bookworm-slim', 'build'],
    ['node:24-bookworm-slim', 'blink-manifestd'],
    ['blink-manifestd', undefined],
  ])
  for (const name of ['config.yaml', 'icon.png', 'apparmor.txt', 'translations/de.yaml'])
    expect(existsSync(join(target, name)), name).toBe(true)
  expect(lstatSync(join(target, 'CHANGELOG.md')).isFile()).toBe(true)
})

test('a clone of the repository shows a Supervisor this one app', () => {
  // It takes each config.yaml, .yml or .json for an app.
  const apps = globSync('**/config.{yaml,yml,json}', {
    cwd: root,
    exclude: ['node_modules', 'dist', 'coverage', 'data', '.*'],
  })

  expect(apps).toEqual(['homeassistant-app/config.yaml'])
})
