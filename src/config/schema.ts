/**
 * Every setting, as a tree for convict and as a flat list for everything else.
 *
 * The command line's options, the example file, the README's table and the types are made from it or compared
 * with it; there is no second list.
 */
import { asking } from './asking.ts'
import type { Definition, Tree } from './definition.ts'
import { path } from './formats.ts'
import { telling } from './telling.ts'

export const schema = {
  dataDir: {
    doc:
      'Where the database and the logins are kept. Made with mode 0700; a relative path starts at the ' +
      'working directory. Unset, it is the STATE_DIRECTORY of systemd, else ./data.',
    format: path,
    default: './data',
    env: 'BLINK_MANIFESTD_DATA_DIR',
    sharedEnv: 'STATE_DIRECTORY',
    isPath: true,
  },
  ...asking,
  ...telling,
} as const satisfies Tree

/** The finished values of a tree of definitions. */
type ValuesOf<T> = {
  [K in keyof T]: T[K] extends { readonly format: (value: unknown) => infer V; readonly default: infer D }
    ? V | (D extends undefined ? undefined : never)
    : ValuesOf<T[K]>
}
export type Values = { -readonly [K in keyof typeof schema]: ValuesOf<typeof schema>[K] }

/** A leaf of the schema under its full name, for instance `mqtt.url`. */
export interface Setting extends Definition {
  readonly name: string
}

function flatten(tree: Tree, section: string): readonly Setting[] {
  return Object.entries(tree).flatMap(([key, node]) => {
    const name = section + key
    return isDefinition(node) ? [{ name, ...node }] : flatten(node, `${name}.`)
  })
}

function isDefinition(node: Definition | Tree): node is Definition {
  return 'default' in node
}

export const settings: readonly Setting[] = flatten(schema, '')

/** The parts before the dot: `blink`, `schedule` and so on. */
export const sections: ReadonlySet<string> = new Set(
  settings.filter(({ name }) => name.includes('.')).map(({ name }) => name.slice(0, name.indexOf('.'))),
)

/** For a secret, the setting that names a file which holds it. */
export function fileForm(setting: Setting): Setting | undefined {
  return setting.sensitive ? settings.find(({ name }) => name === `${setting.name}File`) : undefined
}

/** Whether a setting is only another way to give a secret, and so no value of its own. */
export function isFileForm({ name }: Setting): boolean {
  return settings.some((other) => other.sensitive && name === `${other.name}File`)
}

/** `mqtt.baseTopic` on the command line: `--mqtt-base-topic`. */
export function flagOf({ name }: Setting): string {
  return `--${name.replace(/\./g, '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
