/**
 * `config`: the effective settings, where each came from, secrets masked.
 */
import { showConfig } from '../config/load.ts'
import { type CommonOptions, readAllSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import type { Terminal } from './terminal.ts'

export async function config(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const loaded = await readAllSettings(terminal, options)
  terminal.out(showConfig(loaded, options.json ? 'json' : 'yaml'))
  for (const warning of loaded.warnings) terminal.err(`warning: ${warning}\n`)
  return exit.done
}
