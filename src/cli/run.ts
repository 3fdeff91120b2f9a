/**
 * `run`: the daemon, until it is stopped.
 */
import { openDaemon } from '../app.ts'
import { beat } from '../storage/heartbeat.ts'
import { type CommonOptions, openContext } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { aborted, type Terminal } from './terminal.ts'
import { version } from './version.ts'

export async function run(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { loaded, log, clock, diagnostics } = await openContext(terminal, options, { publishes: true })
  const { settings } = loaded
  log.info({ version, data_dir: settings.dataDir, config: loaded.file }, 'starting')
  const { umask } = terminal
  const daemon = await openDaemon({
    ...{ loaded, version, clock, log, umask },
    service: { logTail: diagnostics.tail },
    observers: [diagnostics.observer],
  })
  // Not before: another daemon may have the directory.
  await diagnostics.keepIn(settings.dataDir)
  if (daemon.credentials === 0) {
    log.error(
      { remedy: 'Sign in with `blink-manifestd login`; it is noticed here.' },
      'no credentials, nothing to request',
    )
  }
  try {
    // A signal may have come while all this was opened: then nothing is requested.
    terminal.stop.throwIfAborted()
    daemon.start()
    const beating = beat(settings.dataDir, { clock, log }, terminal.stop)
    await Promise.race([aborted(terminal.stop), daemon.failed, beating])
  } finally {
    await daemon.stop()
    await diagnostics.close()
  }
  return exit.done
}
