/** Every generated file with its text, by path below the root of the project. */
import { stringify } from 'yaml'
import { asyncApi } from './asyncapi.ts'
import { documents, isOpen, jsonSchema } from './json-schemas.ts'

export const schemasDirectory = 'docs/schemas'

export function generatedFiles(): ReadonlyMap<string, string> {
  const schemas = Object.entries(documents).map(([name, schema]): [string, string] => {
    const made = jsonSchema(schema, { target: 'draft-2020-12', open: isOpen(name) })
    return [`${schemasDirectory}/${name}.json`, `${JSON.stringify(made, null, 2)}\n`]
  })
  const head = '# Generated from src/topics by `npm run generate`; a test fails when it is stale.\n'
  // Readers of YAML 1.1 take an unquoted `ON` for true, and a time for a date.
  const yaml = stringify(asyncApi(), { version: '1.1', aliasDuplicateObjects: false, lineWidth: 110 })
  return new Map([...schemas, ['docs/asyncapi.yaml', `${head}${yaml}`]])
}
