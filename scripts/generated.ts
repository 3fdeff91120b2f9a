/** Every generated file with its text, by path below the root of the project. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { asyncApi } from './asyncapi.ts'
import { cloudAnswersTable } from './cloud-answers-table.ts'
import { documents, isOpen, jsonSchema } from './json-schemas.ts'
import { typesOf, valuesOf } from './schema-types.ts'
import { settingsTable } from './settings-table.ts'

export const schemasDirectory = 'docs/schemas'

export function generatedFiles(): ReadonlyMap<string, string> {
  const schemas = new Map(
    Object.entries(documents).map(([name, schema]) => [
      name,
      jsonSchema(schema, { target: 'draft-2020-12', open: isOpen(name) }),
    ]),
  )
  const head = '# Generated from src/topics by `npm run generate`; a test fails when it is stale.\n'
  // Readers of YAML 1.1 take an unquoted `ON` for true, and a time for a date.
  const yaml = stringify(asyncApi(), { version: '1.1', aliasDuplicateObjects: false, lineWidth: 110 })
  return new Map([
    ...[...schemas].map(([name, made]): [string, string] => [
      `${schemasDirectory}/${name}.json`,
      `${JSON.stringify(made, null, 2)}\n`,
    ]),
    [`${schemasDirectory}/index.d.ts`, typesOf(schemas)],
    [`${schemasDirectory}/index.js`, valuesOf([...schemas.keys()])],
    ['docs/asyncapi.yaml', `${head}${yaml}`],
    ['docs/configuration.md', pageWith(settingsTable(), 'docs/configuration.md')],
    ['docs/cloud-answers.md', pageWith(cloudAnswersTable(), 'docs/cloud-answers.md')],
  ])
}

/** The page with its table made anew, which stands between two comments. */
function pageWith(table: string, path: string): string {
  const page = readFileSync(join(import.meta.dirname, '..', path), 'utf8')
  return page.replace(
    /(<!-- generated[^>]*-->\n)[\s\S]*?(\n<!-- \/generated -->)/,
    (_whole, before: string, after: string) => before + table + after,
  )
}
