/** The generated documents: as the schemas are now, valid by the specifications, with examples that fit. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import asyncApiSpecs from '@asyncapi/specs'
import { Ajv, type AnySchema } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { examplesOf } from '../../../scripts/asyncapi.ts'
import { cliExamples } from '../../../scripts/cli-examples.ts'
import { examples } from '../../../scripts/examples.ts'
import { generatedFiles, schemasDirectory } from '../../../scripts/generated.ts'
import { documents } from '../../../scripts/json-schemas.ts'
import { channels } from '../../../src/topics/channels.ts'
import { issuesOf } from '../../support/contract.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('the generated files are as `npm run generate` would write them', () => {
  const made = generatedFiles()
  const names = readdirSync(join(root, schemasDirectory)).map((name) => `${schemasDirectory}/${name}`)

  expect([...made.keys()].filter((path) => path.startsWith(schemasDirectory)).sort()).toEqual(names.sort())
  for (const [path, text] of made)
    expect(read(path) === text, `${path} is stale: npm run generate`).toBe(true)
})

test('asyncapi.yaml is valid by the published schema of AsyncAPI 3.0', () => {
  // The schema brings its own copy of draft 7, which ajv has as well.
  const ajv = addFormats.default(new Ajv({ strict: false, meta: false, validateSchema: false }))
  const isValid = ajv.compile(asyncApiSpecs.schemas['3.0.0'] as AnySchema)

  void isValid(parse(read('docs/asyncapi.yaml')))

  expect(isValid.errors).toBeNull()
})

test('every reference in asyncapi.yaml leads somewhere', () => {
  const document = parse(read('docs/asyncapi.yaml')) as unknown
  const targets = new Set(
    JSON.stringify(document)
      .matchAll(/"\$ref":"#\/([^"]+)"/g)
      .map(([, path = '']) => path),
  )

  expect(targets.size).toBeGreaterThan(50)
  for (const target of targets) {
    const found = target
      .split('/')
      .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], document)
    expect(found, target).toBeDefined()
  }
})

test('every document has examples, and they fit both of its forms', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false }))

  const all = { ...examples, ...cliExamples }
  expect(Object.keys(all)).toEqual(Object.keys(documents))
  for (const [name, schema] of Object.entries(documents)) {
    const isValid = ajv.compile(JSON.parse(read(`${schemasDirectory}/${name}.json`)) as object)
    for (const example of all[name] ?? []) {
      expect(issuesOf(schema, example), name).toEqual([])
      expect([isValid(example), isValid.errors], name).toEqual([true, null])
    }
  }
  for (const [id, channel] of Object.entries(channels)) {
    for (const example of examplesOf(id, channel)) expect(issuesOf(channel.payload, example), id).toEqual([])
  }
})

test('readers take large ids and unknown keys, commands with such keys are rejected', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false }))
  const compile = (name: string) =>
    ajv.compile(JSON.parse(read(`${schemasDirectory}/${name}.json`)) as object)
  const item = { ...(examples['work-item']?.[0] as object), request_id: 2 ** 63 - 1024, more: 1 }

  expect(compile('work-item')(item)).toBe(true)
  expect(compile('work-item')({ ...item, request_id: 0.5 })).toBe(false)
  expect(compile('command-pause')({ account_id: 8021, more: 1 })).toBe(false)
  expect(compile('command-pause')({ network_id: 44107 })).toBe(false)
})
