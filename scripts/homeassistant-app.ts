/**
 * `npm run homeassistant-app -- <directory>`: the Home Assistant app as a directory that a Supervisor can build by itself,
 * from /addons, without an image from anywhere.
 *
 * Its build sees nothing but this directory. So the sources that the program's Dockerfile copies go in, and the app's
 * Dockerfile follows the program's, whose last stage it stands upon.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const app = join(root, 'homeassistant-app')

export function assembleApp(target: string): void {
  if (existsSync(target)) throw new Error(`${target} exists: name a directory that does not`)
  const read = (path: string) => readFileSync(path, 'utf8')
  const dockerfile = read(join(root, 'Dockerfile'))
  mkdirSync(target, { recursive: true })
  for (const source of copiedBy(dockerfile))
    cpSync(join(root, source), join(target, source), { recursive: true })
  const changelog = join(app, 'CHANGELOG.md')
  cpSync(app, target, { recursive: true, filter: (source) => source !== changelog })
  // A link in the repository, which would lead nowhere here.
  writeFileSync(join(target, 'CHANGELOG.md'), read(changelog))
  writeFileSync(join(target, 'Dockerfile'), `${dockerfile}\n${read(join(app, 'Dockerfile'))}`)
}

/** What comes from the directory of the build, and not from a stage before. */
export function copiedBy(dockerfile: string): readonly string[] {
  const copies = [...dockerfile.matchAll(/^COPY +(?!.*--from)(.+)$/gm)]
  return copies.flatMap(([, words = '']) =>
    words
      .split(/ +/)
      .filter((word) => !word.startsWith('--'))
      .slice(0, -1),
  )
}

if (import.meta.main) {
  const [target] = process.argv.slice(2)
  if (target === undefined) throw new Error('usage: npm run homeassistant-app -- <directory>')
  assembleApp(target)
}
