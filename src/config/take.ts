/**
 * From what the sources say to one value per setting: the first source that gives a setting decides.
 */
import { resolve } from 'node:path'
import { withoutLastNewlines } from '../domain/decode.ts'
import type { Problem } from '../domain/errors.ts'
import type { Value } from './definition.ts'
import { BadValue } from './formats.ts'
import { fileForm, type Setting } from './schema.ts'
import { type Given, placeOf, type Source } from './source.ts'
import { readTextFile } from './text-file.ts'

export type Taken =
  | { readonly kind: 'default' }
  | { readonly kind: 'value'; readonly value: Value; readonly origin: string }
  | { readonly kind: 'wrong'; readonly origin: string; readonly problem: Problem }

/** One setting's value from the strongest source that gives it. */
export function take(setting: Setting, sources: readonly Source[], cwd: string): Taken {
  const form = fileForm(setting)
  for (const { given } of sources) {
    const direct = given.get(setting.name)
    const file = form && given.get(form.name)
    if (direct && file) return wrong(setting, direct.origin, `is given twice: also by ${file.origin}`)
    if (form && file) return fromFile(setting, form, file, cwd)
    if (direct) return read(setting, direct, cwd)
  }
  return { kind: 'default' }
}

function wrong({ name }: Setting, origin: string, message: string): Taken {
  return { kind: 'wrong', origin, problem: { place: placeOf(name, origin), message } }
}

function read(setting: Setting, { raw, origin }: Given, cwd: string): Taken {
  try {
    const value = setting.format(raw)
    const absolute = setting.isPath && typeof value === 'string' ? resolve(cwd, value) : value
    return { kind: 'value', value: absolute, origin }
  } catch (error) {
    if (error instanceof BadValue) return wrong(setting, origin, error.message)
    throw error
  }
}

/** A secret from its file, without the newlines at its end. */
function fromFile(setting: Setting, form: Setting, given: Given, cwd: string): Taken {
  const path = read(form, given, cwd)
  if (path.kind !== 'value') return path
  const file = readTextFile(String(path.value))
  if (file.kind !== 'text') return wrong(form, given.origin, `cannot read ${path.value}: ${file.reason}`)
  const secret = read(setting, { raw: withoutLastNewlines(file.text), origin: given.origin }, cwd)
  if (secret.kind !== 'wrong') return secret
  return wrong(form, given.origin, `what ${path.value} holds ${secret.problem.message}`)
}
