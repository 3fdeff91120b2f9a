/**
 * What a sign-in needs: the cloud, the credentials on disk, the sign-in under way. No database and no lock,
 * so that it works beside a running daemon.
 */

import type { AnyCallKind } from '../../blink/api.ts'
import { createSignInHttp, type Http } from '../../blink/http.ts'
import type { Settings } from '../../config/load.ts'
import type { Clock } from '../../domain/clock.ts'
import type { CredentialStore, Installation, LimitStore, Log } from '../../domain/ports.ts'
import { openCredentials } from '../../storage/credentials.ts'
import { openInstallation } from '../../storage/notes.ts'
import { openPending, type PendingLogins } from '../../storage/pending-sign-in.ts'
import { makeDirectory } from '../../storage/state-files.ts'
import { type CommonOptions, prepare } from '../prepare.ts'
import type { Terminal } from '../terminal.ts'

export interface SignInContext extends AsyncDisposable {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly http: Http<AnyCallKind>
  readonly installation: Installation
  readonly credentials: CredentialStore
  readonly limits: LimitStore
  readonly pending: PendingLogins
  readonly clock: Clock
  readonly log: Log
}

export async function openSignInContext(terminal: Terminal, options: CommonOptions): Promise<SignInContext> {
  const { loaded, log, clock } = await prepare(terminal, options, { quiet: true })
  const { settings } = loaded
  await makeDirectory(settings.dataDir)
  const installation = await openInstallation(settings.dataDir, clock)
  const { credentials, limits } = await openCredentials(settings.dataDir)
  const { proxies, blink } = settings
  const http = createSignInHttp({ clock, timeoutMs: blink.timeoutSeconds * 1000, concurrency: 1, proxies })
  return {
    settings,
    terminal,
    http,
    installation,
    credentials,
    limits,
    pending: openPending(settings.dataDir),
    clock,
    log,
    [Symbol.asyncDispose]: () => http.close({ graceMs: 0 }),
  }
}
