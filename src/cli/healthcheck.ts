/**
 * `healthcheck`: whether the daemon of this data directory is alive; for a container's HEALTHCHECK.
 */
import { systemClock } from '../domain/clock.ts'
import { ailment } from '../storage/heartbeat.ts'
import { type CommonOptions, readSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import type { Terminal } from './terminal.ts'

export async function healthcheck(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  const problem = await ailment(settings.dataDir, systemClock.now())
  terminal.out(`${problem ?? 'alive'}\n`)
  return problem === undefined ? exit.done : exit.bug
}
