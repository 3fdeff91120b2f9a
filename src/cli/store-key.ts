/**
 * `store key`: prints a new key for `store.key`.
 */
import { systemClock } from '../domain/clock.ts'
import { type ExitCode, exit } from './exit.ts'
import type { Terminal } from './terminal.ts'

const keyBytes = 32

export function storeKey(terminal: Terminal): ExitCode {
  terminal.out(`${Buffer.from(systemClock.randomBytes(keyBytes)).toString('base64')}\n`)
  terminal.err(
    'Give it to each daemon as store.keyFile, and keep a copy: without it, every account must sign in again.\n',
  )
  return exit.done
}
