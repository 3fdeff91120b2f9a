/**
 * What a file may not do by itself: read time, chance or the environment, keep state between calls, know that it
 * is tested, grow long or be named for nothing. Pure: a parsed file in, findings out.
 */
import ts from 'typescript'
import { at, type Parsed } from './source-text.ts'

const longestFile = 400
const emptyWords = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'managers', 'misc'])
const readersOfTime = new Set(['src/clock.ts', 'src/simulator/time.ts'])
const frontDoor = 'src/main.ts'

/** Names that are time, chance or a way outside when used bare. */
const ambientNames = new Set([
  'setTimeout',
  'setInterval',
  'performance',
  'randomUUID',
  'randomBytes',
  'randomInt',
  'getRandomValues',
  'fetch',
])

/** Properties of globals that are time or chance. */
const ambientProperties: ReadonlyMap<string, readonly string[]> = new Map([
  ['Math', ['random']],
  ['AbortSignal', ['timeout']],
  ['process', ['hrtime', 'uptime']],
  ['crypto', ['randomUUID', 'getRandomValues', 'randomBytes']],
  ['globalThis', [...ambientNames]],
])

/** What a file does that it may not. */
export function habits(file: Parsed): string[] {
  const found = [...lengthFindings(file), ...nameFindings(file)]
  if (!file.path.startsWith('src/')) return [...found, ...skipFindings(file)]
  return [...found, ...ambientFindings(file), ...stateFindings(file), ...switchFindings(file)]
}

function lengthFindings(file: Parsed): string[] {
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0)
  return lines > longestFile ? [`${file.path}:${lines}: longer than ${longestFile} lines`] : []
}

function nameFindings(file: Parsed): string[] {
  const found = isEmptyName(file.path) ? [at(file, file.tree, 'is named for nothing')] : []
  for (const statement of file.tree.statements) {
    if (!ts.canHaveModifiers(statement)) continue
    if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue
    const names = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name.getText(file.tree))
      : [(statement as ts.DeclarationStatement).name?.getText(file.tree) ?? '']
    for (const name of names.filter(isEmptyName))
      found.push(at(file, statement, `exports ${name}, which names nothing`))
  }
  return found
}

function isEmptyName(name: string): boolean {
  return name
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .split(/[^A-Za-z]+/)
    .some((word) => emptyWords.has(word.toLowerCase()))
}

function ambientFindings(file: Parsed): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const what = ambient(node)
    if (what?.kind === 'time' && !readersOfTime.has(file.path))
      found.push(at(file, node, `reads ${what.name}`))
    if (what?.kind === 'outside' && file.path !== frontDoor) found.push(at(file, node, `reads ${what.name}`))
    ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return found
}

interface Ambient {
  readonly kind: 'time' | 'outside'
  readonly name: string
}

function ambient(node: ts.Node): Ambient | undefined {
  const member = memberOf(node)
  if (member) {
    const { object, property } = member
    if (object === 'process' && (property === 'env' || property === 'argv')) {
      return { kind: 'outside', name: `process.${property}` }
    }
    const known = ambientProperties.get(object)?.includes(property)
    return known ? { kind: 'time', name: `${object}.${property}` } : undefined
  }
  if (!ts.isIdentifier(node) || isOnlyAName(node)) return undefined
  if (node.text === 'Date') return readsTheClock(node) ? { kind: 'time', name: 'Date' } : undefined
  if (node.text === 'process') return isTakenApart(node) ? { kind: 'outside', name: 'process' } : undefined
  return ambientNames.has(node.text) ? { kind: 'time', name: node.text } : undefined
}

/** `object.property` and `object['property']` of a bare name. */
function memberOf(node: ts.Node): { readonly object: string; readonly property: string } | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return { object: node.expression.text, property: node.name.text }
  }
  if (ts.isElementAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const { argumentExpression } = node
    const property = ts.isStringLiteralLike(argumentExpression) ? argumentExpression.text : ''
    return { object: node.expression.text, property }
  }
  return undefined
}

/** A property's, a method's or a type's name, and nothing that is read. */
function isOnlyAName(node: ts.Identifier): boolean {
  const { parent } = node
  // Timers can be imported from their own modules only, and those have a door.
  if (ts.isImportSpecifier(parent)) return node.text.startsWith('set')
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent)) return true
  const named = parent as { readonly name?: ts.Node }
  return (
    (ts.isClassElement(parent) || ts.isTypeElement(parent) || ts.isPropertyAssignment(parent)) &&
    named.name === node
  )
}

/** Anything but `new Date(value)`, `Date.parse`, `Date.UTC` and `instanceof Date`. */
function readsTheClock(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isNewExpression(parent)) return parent.expression === node && (parent.arguments ?? []).length === 0
  if (ts.isPropertyAccessExpression(parent)) return !['parse', 'UTC'].includes(parent.name.text)
  return !(ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword)
}

/** `const { env } = process`, or `process` handed on as a whole. */
function isTakenApart({ parent }: ts.Identifier): boolean {
  return !ts.isPropertyAccessExpression(parent) && !ts.isElementAccessExpression(parent)
}

function stateFindings(file: Parsed): string[] {
  const found: string[] = []
  for (const statement of file.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue
    const { declarations, flags } = statement.declarationList
    if (!(flags & ts.NodeFlags.Const)) found.push(at(file, statement, 'keeps state in the module'))
    for (const { initializer, type } of declarations) {
      const isFixed = /^Readonly(Map|Set)\b/.test(type?.getText(file.tree) ?? '')
      if (initializer && !isFixed && holdsCollection(initializer))
        found.push(at(file, statement, 'keeps a collection in the module'))
    }
  }
  return found
}

/** A collection that is the value itself, or stands in it as it is. */
function holdsCollection(node: ts.Expression): boolean {
  if (ts.isNewExpression(node)) return /^(Weak)?(Map|Set)$/.test(node.expression.getText())
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return holdsCollection(node.expression)
  if (ts.isArrayLiteralExpression(node)) return node.elements.some(holdsCollection)
  if (!ts.isObjectLiteralExpression(node)) return false
  return node.properties.some(
    (property) => ts.isPropertyAssignment(property) && holdsCollection(property.initializer),
  )
}

function switchFindings(file: Parsed): string[] {
  return ['NODE_ENV', 'VITEST']
    .filter((name) => file.text.includes(name))
    .map((name) => `${file.path}:1: knows that it is tested: ${name}`)
}

function skipFindings(file: Parsed): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression
      const isTest = /^(test|it|describe|suite)\b/.test(expression.getText(file.tree))
      if (isTest && name.text === 'only') found.push(at(file, node, 'runs only this'))
      if (isTest && /^(skip|todo)$/.test(name.text) && !hasReason(file, node)) {
        found.push(at(file, node, 'skips without a reason'))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return found
}

/** `skipped: why` in the test's name, or a comment in the line before. */
function hasReason({ tree, text }: Parsed, node: ts.Node): boolean {
  const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree))
  const before = text.split('\n')[line - 1] ?? ''
  return /skipped: \w/.test(node.getText(tree)) || /^\s*(\/\/|\*|\/\*\*) ?\w/.test(before)
}
