/**
 * A script of the benches as JavaScript: the daemon has lost its types when it was built, and to take them off where it
 * is measured costs time, and 20 MB of memory for ever.
 */
import { readFileSync } from 'node:fs'
import ts from 'typescript'

export function withoutTypes(file: URL): string {
  return ts.transpile(readFileSync(file, 'utf8'), {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
  })
}
