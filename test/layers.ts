/**
 * The walls of the house as rules over source texts: who may import whom, which door leads outside, who may read
 * time, chance and the environment, how long a file may be and what it may be called. Pure: texts in, findings out.
 */
import { posix } from 'node:path'
import ts from 'typescript'
import { habits } from './habits.ts'
import { at, type Parsed, parse, type SourceText } from './source-text.ts'

/** Single files of the lower floors; a file there may import the floors below its own, and none beside it. */
const floors: readonly (readonly string[])[] = [
  ['model', 'ports', 'errors', 'clock', 'secret', 'printable'],
  [
    ...['retry', 'askable', 'failure', 'history', 'spread', 'payload', 'work-item'],
    ...['parts', 'upcoming', 'dropping', 'forgetting'],
  ],
  ['tick', 'deliver'],
]

/** Rooms by floor: a directory, the file of its name beside it, or both. */
const rooms: Readonly<Record<string, number>> = {
  config: 3,
  blink: 3,
  store: 3,
  mqtt: 3,
  schedule: 3,
  log: 3,
  web: 3,
  daemon: 4,
  main: 5,
  commands: 5,
}

/** Imports beside a file on floors 0 to 2 that have a reason. */
const besides: Readonly<Record<string, readonly string[]>> = {
  // The nouns hold a token by its type; nothing of it is run.
  model: ['secret'],
  ports: ['model', 'errors'],
}

/** What leads outside, and the files that may open it. */
const doors: readonly { readonly module: RegExp; readonly files: RegExp }[] = [
  { module: /^undici$/, files: /^src\/blink\/http\.ts$/ },
  { module: /^mqtt(-.*)?$/, files: /^src\/mqtt\/(broker|connection)\.ts$/ },
  { module: /^aedes(-.*)?$/, files: /^src\/mqtt\/embedded\.ts$/ },
  { module: /^node-cron$/, files: /^src\/schedule\/cron\.ts$/ },
  { module: /^node:sqlite$/, files: /^src\/store\/connection\.ts$/ },
  { module: /^pino(-.*)?$/, files: /^src\/log\.ts$/ },
  { module: /^(convict|yaml)$/, files: /^src\/config(\.ts|\/.*)$/ },
  { module: /^(commander|cli-.*)$/, files: /^src\/(main\.ts|commands\/.*)$/ },
  { module: /^uuid$/, files: /^src\/clock\.ts$/ },
  { module: /^(node:)?timers(\/promises)?$/, files: /^src\/(clock|simulator\/time)\.ts$/ },
  { module: /^(node:)?perf_hooks$/, files: /^src\/(clock|simulator\/time)\.ts$/ },
  { module: /^(node:)?process$/, files: /^src\/main\.ts$/ },
]

/** Everything in these texts that breaks a rule, each as `path:line: what`. */
export function findings(texts: readonly SourceText[]): string[] {
  const files = texts.map(parse)
  return files.flatMap((file) => [...importFindings(file), ...habits(file)]).sort()
}

function importFindings(file: Parsed): string[] {
  if (!file.path.startsWith('src/')) return []
  const found: string[] = []
  if (!placeOf(file.path)) found.push(at(file, file.tree, 'has no place on a floor'))
  for (const { node, target } of importsOf(file.tree)) {
    const complaint =
      target === undefined ? 'imports what only running tells' : complaintAbout(file.path, target)
    if (complaint) found.push(at(file, node, complaint))
  }
  return found
}

function complaintAbout(path: string, target: string): string | undefined {
  if (!target.startsWith('.')) {
    const door = doors.find(({ module }) => module.test(target))
    return door && !door.files.test(path) ? `opens the door of another file: ${target}` : undefined
  }
  const [from, to] = [placeOf(path), placeOf(posix.join(posix.dirname(path), target))]
  if (!from) return undefined
  if (!to) return `imports ${target}, which has no place in the house`
  if (from.room === to.room) return undefined
  if (from.floor === undefined) return `imports ${target}, but the simulator shares nothing with the house`
  if (to.floor === undefined) return from.floor === 5 ? undefined : `imports the simulator: ${target}`
  if (to.floor < from.floor) return undefined
  if (besides[from.room]?.includes(to.room)) return undefined
  return to.floor > from.floor
    ? `imports a floor above: ${target}`
    : `imports another room on its floor: ${target}`
}

interface Place {
  readonly room: string
  /** The simulator stands on none. */
  readonly floor: number | undefined
}

function placeOf(path: string): Place | undefined {
  const [, name] = /^src\/([^/]+?)(\.ts$|\/)/.exec(path) ?? []
  if (name === undefined) return undefined
  if (name === 'simulator') return { room: name, floor: undefined }
  const low = floors.findIndex((names) => names.includes(name))
  if (low >= 0) return path === `src/${name}.ts` ? { room: name, floor: low } : undefined
  const floor = Object.hasOwn(rooms, name) ? rooms[name] : undefined
  if (floor === undefined) return undefined
  return { room: floor === 5 ? 'front door' : name, floor }
}

/** Static, dynamic, type and re-exporting imports; `target` is absent where it is no plain text. */
function importsOf(tree: ts.SourceFile): { readonly node: ts.Node; readonly target: string | undefined }[] {
  const found: { node: ts.Node; target: string | undefined }[] = []
  const visit = (node: ts.Node): void => {
    const named = specifierOf(node)
    if (named) found.push({ node, target: ts.isStringLiteralLike(named) ? named.text : undefined })
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isExternalModuleReference(node)) return node.expression
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument
  if (!ts.isCallExpression(node)) return undefined
  const { expression } = node
  const imports =
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === 'require') ||
    (ts.isPropertyAccessExpression(expression) && expression.name.text === 'getBuiltinModule')
  return imports ? (node.arguments[0] ?? node) : undefined
}
