/** A source text, how TypeScript reads it, and how a place in it is told. */
import ts from 'typescript'

export interface SourceText {
  /** From the root of the project, with slashes. */
  readonly path: string
  readonly text: string
}

/** A file as TypeScript reads it. */
export interface Parsed extends SourceText {
  readonly tree: ts.SourceFile
}

export function parse(source: SourceText): Parsed {
  return { ...source, tree: ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true) }
}

/** `path:line: what`. */
export function at({ path, tree }: Parsed, node: ts.Node, what: string): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}: ${what}`
}
