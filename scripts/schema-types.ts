/**
 * TypeScript types of the documents, for readers: made from the JSON Schemas, so that they need no library, and have
 * a number where a large id is raw JSON in this process.
 */
interface Schema {
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | false
}

const head = `// Generated from src/topics by \`npm run generate\`; a test fails when it is stale.
//
// An id of Blink's may be larger than a JavaScript number can hold: JSON.parse rounds it. The form that ends in
// \`_str\` keeps all digits.
`

/** A module with a type for each document, and for each titled part of one, named by its title. */
export function typesOf(schemas: ReadonlyMap<string, object>): string {
  const names = new Map<string, string>()
  for (const [file, { title = file }] of schemas as ReadonlyMap<string, Schema>)
    names.set(title, pascalCase(file))
  const parts = new Map<string, string>()
  const write = (name: string, schema: Schema) => {
    if (parts.has(name)) return
    // Set before what it refers to, so that each document stands above its parts.
    parts.set(name, '')
    const { description } = schema
    parts.set(name, `${comment(description, '')}export type ${name} = ${shape(schema, '')}\n`)
  }
  const reference = (schema: Schema, indent: string): string => {
    if (schema.title === undefined) return shape(schema, indent)
    const name = names.get(schema.title) ?? pascalCase(schema.title)
    write(name, schema)
    return name
  }
  const shape = (schema: Schema, indent: string): string => {
    if (schema.const !== undefined) return JSON.stringify(schema.const)
    if (schema.enum) return union(schema.enum.map((one) => JSON.stringify(one)))
    const choices = schema.anyOf ?? schema.oneOf
    if (choices) return union(choices.map((one) => reference(one, indent)))
    return union([schema.type ?? []].flat().map((type) => ofType(type, schema, indent)))
  }
  const ofType = (type: string, schema: Schema, indent: string): string => {
    if (type === 'integer') return 'number'
    if (type === 'array') return `ReadonlyArray<${reference(schema.items ?? {}, indent)}>`
    if (type === 'object') return ofObject(schema, indent)
    return type
  }
  const ofObject = ({ properties, required, additionalProperties }: Schema, indent: string): string => {
    if (!properties) return `{ readonly [key: string]: ${reference(additionalProperties || {}, indent)} }`
    const inner = `${indent}  `
    const lines = Object.entries(properties).map(([key, schema]) => {
      const mark = required?.includes(key) ? '' : '?'
      return `${comment(schema.description, inner)}${inner}readonly ${key}${mark}: ${reference(schema, inner)}\n`
    })
    return `{\n${lines.join('')}${indent}}`
  }
  for (const [file, schema] of schemas) write(pascalCase(file), schema)
  const values = [...schemas.keys()].map((file) => `  readonly ${JSON.stringify(file)}: object\n`)
  return `${head}\n${[...parts.values()].join('\n')}
/** The JSON Schema (2020-12) of each document. */
export declare const schemas: {\n${values.join('')}}\n`
}

/** The module that has the JSON Schemas as values. */
export function valuesOf(files: readonly string[]): string {
  const imports = files.map(
    (file) => `import ${pascalCase(file)} from './${file}.json' with { type: 'json' }\n`,
  )
  const entries = files.map((file) => `  ${JSON.stringify(file)}: ${pascalCase(file)},\n`)
  return `${head}${imports.join('')}\nexport const schemas = {\n${entries.join('')}}\n`
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ') || 'unknown'
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text} */\n`
}

function pascalCase(text: string): string {
  const words = text.match(/[a-z\d]+/gi) ?? []
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}
