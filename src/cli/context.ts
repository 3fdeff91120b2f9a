/**
 * What a command needs before its own work: the settings, their warnings, the log.
 */
import { parseTokenLines } from '../blink/credentials-file.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { askForMqttService, type MqttService } from '../config/supervisor.ts'
import { systemClock } from '../domain/clock.ts'
import type { LogLevel } from '../domain/ports.ts'
import { type LeveledLog, openLog } from '../log.ts'
import { checkPems } from '../mqtt/server-options.ts'
import { type Diagnostics, openDiagnostics } from '../support/diagnostics.ts'
import { knownIn } from '../support/known-texts.ts'
import { createRedaction } from '../support/redaction.ts'
import { removedVariables } from './environment.ts'
import type { Terminal } from './terminal.ts'

/** The options that hold for all commands. */
export interface CommonOptions {
  readonly config: string | undefined
  /** Settings from the command line, text by setting name. */
  readonly overrides: ReadonlyMap<string, string>
  readonly json: boolean
}

/** Checks of other modules, so that every command lists all problems at once, before it has done anything. */
export const checks = {
  checkTokens: (text: string) => parseTokenLines(text).problems,
  checkTls: checkPems,
}

/** The settings of a command that needs no broker. @throws ConfigInvalid with every problem */
export function readSettings(
  terminal: Terminal,
  { config, overrides }: CommonOptions,
  mqttService?: MqttService,
): LoadedConfig {
  const { env, cwd } = terminal
  return loadConfig({ env, cwd, configPath: config, overrides, mqttService, ...checks })
}

/** The effective settings, with the broker that Home Assistant's Supervisor knows. @throws ConfigInvalid with every problem */
export async function readAllSettings(terminal: Terminal, options: CommonOptions): Promise<LoadedConfig> {
  return readSettings(terminal, options, await askSupervisor(terminal, options))
}

/** The same for a command that needs no broker: without that one where the Supervisor names none. */
export async function readKnownSettings(terminal: Terminal, options: CommonOptions): Promise<LoadedConfig> {
  const service = await askSupervisor(terminal, options)
  return readSettings(terminal, options, service?.kind === 'broker' ? service : undefined)
}

function askSupervisor({ env, cwd, stop: signal }: Terminal, { overrides }: CommonOptions) {
  return askForMqttService({ env, cwd, overrides, clock: systemClock, signal })
}

export interface CommandContext {
  readonly loaded: LoadedConfig
  readonly log: LeveledLog
  readonly clock: typeof systemClock
  /** The last lines of this log. */
  readonly diagnostics: Diagnostics
}

/** A log whose last lines are kept. */
export async function openDiagnosedLog(
  terminal: Terminal,
  { settings }: LoadedConfig,
  level: LogLevel,
): Promise<Pick<CommandContext, 'log' | 'diagnostics'>> {
  const diagnostics = openDiagnostics(createRedaction(knownIn(settings)), systemClock)
  const { format } = settings.log
  const shown = { level, format, terminal: terminal.errIsTerminal, output: terminal.log }
  return { log: await openLog({ ...shown, copy: diagnostics.line }), diagnostics }
}

/**
 * Settings and log for a command that does work.
 *
 * @param quiet for commands whose result says it all: from `warn` on, unless the settings name a level
 * @param publishes whether the command needs a broker
 * @throws ConfigInvalid with every problem
 */
export async function openContext(
  terminal: Terminal,
  options: CommonOptions,
  { quiet = false, publishes = false } = {},
): Promise<CommandContext> {
  const loaded = publishes ? await readAllSettings(terminal, options) : readSettings(terminal, options)
  const isDefault = loaded.shown.some(({ name, origin }) => name === 'log.level' && origin === 'default')
  const level = quiet && isDefault ? 'warn' : loaded.settings.log.level
  const { log, diagnostics } = await openDiagnosedLog(terminal, loaded, level)
  for (const warning of loaded.warnings) log.warn({ detail: warning }, 'settings')
  if (loaded.proxy.length > 0) log.info({ proxy: loaded.proxy }, 'cloud reached through a proxy')
  for (const { name, reason, remedy } of removedVariables(terminal.env)) {
    log.warn({ variable: name, reason, remedy }, 'environment variable removed')
  }
  return { loaded, log, clock: systemClock, diagnostics }
}
