/**
 * Which settings file is read, and what is said when it cannot be.
 */
import { resolve } from 'node:path'
import { type Environment, fileVariable } from './environment.ts'
import { BadValue, path as pathFormat } from './formats.ts'
import { placeOf, type Source } from './source.ts'
import { readTextFile } from './text-file.ts'
import { readYamlSettings } from './yaml-settings.ts'

const usualFile = 'config/local.yaml'

export interface FileSource extends Source {
  /** Absolute; undefined when there is none. */
  readonly path: string | undefined
  /** Whether all of it could be understood, so that what it does not say is truly not said. */
  readonly whole: boolean
}

interface Place {
  readonly label: string
  /** What named the file; undefined for the usual one, which need not exist. */
  readonly namedBy: string | undefined
}

function whichFile(configPath: string | undefined, env: Environment): Place {
  if (configPath !== undefined) return { label: configPath, namedBy: 'command line --config' }
  const named = env[fileVariable]
  if (named !== undefined && named !== '') return { label: named, namedBy: `environment ${fileVariable}` }
  return { label: usualFile, namedBy: undefined }
}

export function readSettingsFile(configPath: string | undefined, env: Environment, cwd: string): FileSource {
  const { label, namedBy } = whichFile(configPath, env)
  const unusable = (message: string): FileSource => ({
    given: new Map(),
    problems: [{ place: placeOf('settings file', namedBy ?? label), message }],
    warnings: [],
    path: undefined,
    whole: false,
  })
  try {
    pathFormat(label)
  } catch (error) {
    if (error instanceof BadValue) return unusable(error.message)
    throw error
  }

  const path = resolve(cwd, label)
  const file = readTextFile(path)
  if (file.kind === 'missing' && namedBy === undefined) {
    return { given: new Map(), problems: [], warnings: [], path: undefined, whole: true }
  }
  if (file.kind !== 'text') return unusable(`cannot read ${path}: ${file.reason}`)
  const source = readYamlSettings(file.text, label)
  return { ...source, path, whole: source.problems.length === 0 }
}
