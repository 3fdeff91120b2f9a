/**
 * What a sign-in needs of the house: the cloud, the logins on disk, the sign-in under way. No database and no lock,
 * so that it works beside a running daemon.
 */
import { createSignInHttp, type Http } from '../../blink/http.ts'
import type { AnyCallKind } from '../../blink/sign-in-calls.ts'
import type { Settings } from '../../config/load.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Log } from '../../domain/ports.ts'
import { type Logins, openLogins } from '../../storage/credentials.ts'
import { type Install, openInstall } from '../../storage/installation.ts'
import { openPending, type PendingLogins } from '../../storage/pending-sign-in.ts'
import { makeDirectory } from '../../storage/state-files.ts'
import { type CommonOptions, prepare } from '../prepare.ts'
import type { Terminal } from '../terminal.ts'

export interface Bench extends AsyncDisposable {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly http: Http<AnyCallKind>
  readonly install: Install
  readonly logins: Logins
  readonly pending: PendingLogins
  readonly clock: Clock
  readonly log: Log
}

export async function openBench(terminal: Terminal, options: CommonOptions): Promise<Bench> {
  const { loaded, log, clock } = await prepare(terminal, options, { quiet: true })
  const { settings } = loaded
  await makeDirectory(settings.dataDir)
  const install = await openInstall(settings.dataDir, clock)
  const logins = await openLogins(settings.dataDir)
  const { proxies, blink } = settings
  const http = createSignInHttp({ clock, timeoutMs: blink.timeoutSeconds * 1000, concurrency: 1, proxies })
  return {
    settings,
    terminal,
    http,
    install,
    logins,
    pending: openPending(settings.dataDir),
    clock,
    log,
    [Symbol.asyncDispose]: () => http.close({ graceMs: 0 }),
  }
}
