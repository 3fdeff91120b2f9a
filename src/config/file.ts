/**
 * The settings file: which one is read, its text, and its settings with their line numbers.
 *
 * Scalars keep their written form, so that a number, a word or an id of 19 digits means exactly what the same
 * text means in the environment. The parser's own messages quote the file, which may hold secrets: only their
 * codes are used. Aliases are refused: nothing here needs them, and they can be made to explode.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml'
import { decodeText } from '../domain/decode.ts'
import type { Problem } from '../domain/errors.ts'
import { errorCode, failureOf, NotRegular } from '../domain/file-failures.ts'
import { pathProblem } from './formats.ts'
import { sections, settings } from './schema.ts'
import { type Environment, fileVariable, type Given, nearest, placeOf, type Source } from './sources.ts'

const usualFile = 'config/local.yaml'

export interface FileSource extends Source {
  /** Absolute; undefined when there is none. */
  readonly path: string | undefined
  /** Whether all of it could be understood, so that what it does not say is truly not said. */
  readonly whole: boolean
}

interface Place {
  readonly label: string
  /** What named the file; undefined for the usual one, which need not exist. */
  readonly namedBy: string | undefined
}

function whichFile(configPath: string | undefined, env: Environment): Place {
  if (configPath !== undefined) return { label: configPath, namedBy: 'command line --config' }
  const named = env[fileVariable]
  if (named !== undefined && named !== '') return { label: named, namedBy: `environment ${fileVariable}` }
  return { label: usualFile, namedBy: undefined }
}

export function readSettingsFile(configPath: string | undefined, env: Environment, cwd: string): FileSource {
  const { label, namedBy } = whichFile(configPath, env)
  const unusable = (message: string): FileSource => ({
    given: new Map(),
    problems: [{ place: placeOf('settings file', namedBy ?? label), message }],
    warnings: [],
    path: undefined,
    whole: false,
  })
  const wrongPath = pathProblem(label)
  if (wrongPath !== undefined) return unusable(wrongPath)

  const path = resolve(cwd, label)
  const file = readTextFile(path)
  if (file.kind === 'missing' && namedBy === undefined) {
    return { given: new Map(), problems: [], warnings: [], path: undefined, whole: true }
  }
  if (file.kind !== 'text') return unusable(`cannot read ${path}: ${file.reason}`)
  const source = readYamlSettings(file.text, label)
  return { ...source, path, whole: source.problems.length === 0 }
}

const known: ReadonlySet<string> = new Set(settings.map(({ name }) => name))
const secrets: ReadonlySet<string> = new Set(
  settings.filter(({ sensitive }) => sensitive).map(({ name }) => name),
)

/** More than these follow from the first ones. */
const mostSyntaxProblems = 3

const sentences: Readonly<Record<string, string>> = {
  BAD_SCALAR_START: 'a text that starts with a reserved character such as @ or ` must stand in quotes',
  BAD_DQ_ESCAPE: 'a text in double quotes holds an unknown escape; single quotes take \\ as it is',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BLOCK_AS_IMPLICIT_KEY:
    'there are two colons with a blank after them; a text that holds one must stand in quotes',
  MISSING_CHAR: 'a closing quote or bracket, or a colon with a blank after it, is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; is a colon with a blank after it missing?',
  MULTIPLE_DOCS: 'a second document starts here; only one is read',
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
  TAB_AS_INDENT: 'tabs cannot be used for indentation',
  TAG_RESOLVE_FAILED: 'tags such as !secret are not understood; a secret can stand in a file of its own',
}

export function readYamlSettings(text: string, label: string): Source {
  const lines = new LineCounter()
  // Doubles are found here by name: the parser compares every key with every other.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const origin = (offset: number) => `file ${label}, line ${lines.linePos(offset).line}`

  const syntax = [...document.errors, ...document.warnings]
  if (syntax.length > 0) {
    const problems = syntax.map(({ code, pos }) => ({
      place: origin(pos[0]),
      message: sentences[code] ?? 'it is not valid YAML',
    }))
    const perLine = new Map(problems.toReversed().map((problem) => [problem.place, problem]))
    return {
      given: new Map(),
      problems: [...perLine.values()].reverse().slice(0, mostSyntaxProblems),
      warnings: [],
    }
  }
  return new Walk(origin).from(document.contents, `file ${label}`)
}

class Walk {
  readonly #origin: (offset: number) => string
  readonly #given = new Map<string, Given>()
  readonly #problems: Problem[] = []
  readonly #seen = new Map<string, string>()

  constructor(origin: (offset: number) => string) {
    this.#origin = origin
  }

  from(root: Node | null, place: string): Source {
    if (isMap(root)) this.#map(root, '', place)
    else if (root && !isNothing(root)) {
      this.#wrong(place, `must be sections such as "mqtt:" with settings below them, not ${kindOf(root)}`)
    }
    return { given: this.#given, problems: this.#problems, warnings: [] }
  }

  #wrong(place: string, message: string) {
    this.#problems.push({ place, message })
  }

  #map(map: YAMLMap, section: string, above: string) {
    for (const { key, value } of map.items) {
      const origin = isNode(key) ? this.#origin(key.range?.[0] ?? 0) : above
      const word = isScalar(key) && typeof key.value === 'string' ? key.value : undefined
      // A key that is no name may be a secret that slipped out of its line.
      if (word === undefined || !/^[A-Za-z][\w.-]{0,39}$/.test(word)) {
        this.#wrong(origin, `a key here is not a setting's name`)
      } else if (word.includes('.')) {
        this.#unknown(section + word, isNode(value) ? value : undefined, origin)
      } else {
        this.#entry(section + word, isNode(value) ? value : undefined, origin)
      }
    }
  }

  #entry(name: string, value: Node | undefined, origin: string) {
    const first = this.#seen.get(name)
    if (first !== undefined) return this.#wrong(placeOf(name, origin), `is there twice; first in ${first}`)
    this.#seen.set(name, origin)

    if (sections.has(name)) {
      if (isMap(value)) return this.#map(value, `${name}.`, origin)
      if (value === undefined || isNothing(value)) return
      return this.#wrong(
        placeOf(name, origin),
        `is a section: its settings stand below it, indented; it cannot be ${kindOf(value)}`,
      )
    }
    if (!known.has(name)) return this.#unknown(name, value, origin)
    if (value !== undefined) this.#setting(name, value, origin)
  }

  #unknown(name: string, value: Node | undefined, origin: string) {
    const place = placeOf(name, origin)
    if (known.has(name)) {
      const [section, key] = name.split('.')
      return this.#wrong(place, `must be nested: "${section}:" on one line and "${key}:" below it, indented`)
    }
    const meant = nearest(name, isMap(value) ? sections : known)
    this.#wrong(place, `${name} is not a setting; did you mean ${meant}?`)
  }

  #setting(name: string, value: Node, origin: string) {
    // Dropped without a word otherwise, and with it a password that begins with that letter.
    if (!isAlias(value) && value.anchor !== undefined) {
      return this.#wrong(
        placeOf(name, origin),
        'begins with &, which YAML keeps for itself: a text that does must stand in quotes',
      )
    }
    if (isScalar(value)) {
      if (secrets.has(name) && value.value === null && /^\S/.test(value.comment ?? '')) {
        return this.#wrong(
          placeOf(name, origin),
          'is empty, for # begins a remark: a text that begins with # must stand in quotes',
        )
      }
      const raw = textOf(value)
      if (raw !== undefined) this.#given.set(name, { raw, origin })
      return
    }
    if (isSeq(value)) {
      const entries = value.items.map((item) => (isScalar(item) ? textOf(item) : undefined))
      const texts = entries.filter((entry) => entry !== undefined)
      if (texts.length === entries.length) this.#given.set(name, { raw: texts, origin })
      else
        this.#wrong(placeOf(name, origin), 'must be a list of plain entries: no lists, maps or gaps inside')
      return
    }
    this.#wrong(placeOf(name, origin), `cannot be ${kindOf(value)}`)
  }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}

/** A key with nothing after it is a setting that is not set. */
function isNothing(node: Node): boolean {
  return isScalar(node) && node.value === null
}

/** Text as it is meant, anything else as it is written. */
function textOf({
  value,
  source,
}: {
  readonly value: unknown
  readonly source?: string
}): string | undefined {
  if (value === null) return undefined
  return typeof value === 'string' ? value : source
}

function kindOf(node: Node): string {
  if (isMap(node)) return 'a map'
  if (isSeq(node)) return 'a list'
  return isAlias(node)
    ? 'an alias: write the value itself, and one that begins with * in quotes'
    : 'a single value'
}

const mebibyte = 1_048_576

export type TextFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'unusable'; readonly reason: string }

/** A shell's `<(...)`, and what a service manager hands over: there is a writer, so it comes to an end. */
const descriptor = /^\/(dev\/stdin|(dev|proc\/self)\/fd\/\d{1,9})$/

/** Reads text of at most one mebibyte from a regular file, or from an open descriptor such as `/dev/fd/3`. */
export function readTextFile(path: string): TextFile {
  try {
    const bytes = readBytes(path, mebibyte)
    if (typeof bytes === 'string') return { kind: 'unusable', reason: bytes }
    return decode(bytes)
  } catch (error) {
    const failure = failureOf(error)
    // Anything else did not come from the file system.
    if (!failure) throw error
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) {
      return { kind: 'missing', reason: 'there is no such file' }
    }
    return { kind: 'unusable', reason: failure.reason }
  }
}

/** The size a file claims is not trusted: a device claims none and never ends. */
function readBytes(path: string, most: number): Uint8Array | string {
  const isOpen = descriptor.test(path)
  // A pipe is opened at once that way, and not when somebody writes to it.
  const file = openSync(path, constants.O_RDONLY | (isOpen ? 0 : constants.O_NONBLOCK))
  try {
    const found = fstatSync(file)
    if (found.isDirectory() || !(isOpen || found.isFile())) {
      throw new NotRegular({ isDirectory: found.isDirectory() })
    }
    const buffer = Buffer.alloc(most + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null)
    }
    return length > most ? 'it is larger than 1 MiB' : buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function decode(bytes: Uint8Array): TextFile {
  const text = decodeText(bytes)
  return text === undefined
    ? { kind: 'unusable', reason: 'it is neither UTF-8 nor UTF-16 text' }
    : { kind: 'text', text }
}
