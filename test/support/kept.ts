/** What is on disk, all of it, as bytes: no file is too odd to look into. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The bytes of every file below a directory, a character each, by path from there. */
export function filesBelow(directory: string): ReadonlyMap<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Map(names.flatMap((name) => bytesOf(directory, name)))
}

/** Nothing for a directory, and for a draft that a running program has renamed or removed meanwhile. */
function bytesOf(directory: string, name: string): readonly (readonly [string, string])[] {
  const path = join(directory, name)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return []
  try {
    return [[name, readFileSync(path, 'latin1')]]
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** The files that hold a text, in whatever way a program might have written it. */
export function filesWith(files: ReadonlyMap<string, string>, secret: string): readonly string[] {
  return [...files]
    .filter(([, bytes]) => formsOf(secret).some((form) => bytes.includes(form)))
    .map(([name]) => name)
}

/** As it is, as forms and addresses have it, as JSON has it, as Base64 at the beginning of something. */
export function formsOf(secret: string): readonly string[] {
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1)
  const base64 = Buffer.from(secret).toString('base64').replace(/.?=*$/, '')
  return [secret, inForm, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64]
}
