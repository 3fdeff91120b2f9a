/** A directory of its own for a test, and what is wrong with settings that are loaded in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type ConfigSources, type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { ConfigInvalid, type Problem } from '../../src/domain/errors.ts'

/** A fresh directory with these files in it, gone when the test is over. */
export function directoryWith(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'config-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  return directory
}

/** Nowhere: no settings file can be found here. */
export const nowhere = '/nonexistent'

/** Loads what must not load. */
export function problemsOf(sources: Partial<ConfigSources>): readonly Problem[] {
  try {
    loadConfig({ env: {}, cwd: nowhere, ...sources })
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
  return expect.fail('these settings were taken')
}

export function load(sources: Partial<ConfigSources> = {}) {
  return loadConfig({ env: {}, cwd: nowhere, ...sources })
}

/** What is wrong with a settings file of this text. */
export function problemsOfFile(text: string | Uint8Array): readonly Problem[] {
  return problemsOf({ cwd: directoryWith({ 'config/local.yaml': text }) })
}

export function loadFile(text: string | Uint8Array) {
  return load({ cwd: directoryWith({ 'config/local.yaml': text }) })
}

/** How one setting is shown. */
export function originOf(loaded: LoadedConfig, name: string) {
  return loaded.shown.find((setting) => setting.name === name)
}

export const pem = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'
