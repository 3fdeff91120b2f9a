/** Writes what is made from the code: `docs/schemas`, `docs/asyncapi.yaml`, two tables: `npm run generate`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedFiles, schemasDirectory } from './generated.ts'

const root = join(import.meta.dirname, '..')
rmSync(join(root, schemasDirectory), { recursive: true, force: true })
mkdirSync(join(root, schemasDirectory), { recursive: true })
for (const [path, text] of generatedFiles()) writeFileSync(join(root, path), text)
