/**
 * `logout`: forgets an account's credentials. Reads and writes files only, so that it works beside the daemon.
 */
import { signOut } from '../commands/sign-out.ts'
import type { Credentials } from '../domain/model.ts'
import { openCredentials } from '../storage/credentials.ts'
import { type CommonOptions, readSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { printable, type Terminal } from './terminal.ts'

/** @param account an account id, or the key that `accounts` shows for credentials whose account is not known */
export async function logout(terminal: Terminal, options: CommonOptions, account: string): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  const stores = await openCredentials(settings.dataDir)
  const forgotten = await signOut(stores, account)
  if (forgotten.length === 0) {
    const known =
      (await stores.credentials.list()).map(({ key, accountId }) => accountId ?? key).join(', ') || 'none'
    terminal.err(`blink-manifestd: there is no login of ${printable(account)}; there is ${known}.\n`)
    return exit.usage
  }
  terminal.out(`Logged out: ${printable(account)}.\n`)
  terminal.err(advice(forgotten))
  return exit.done
}

function advice(forgotten: readonly Credentials[]): string {
  const lines = ['A running daemon stops requesting for it within seconds and removes its topics.']
  if (forgotten.some(({ source }) => source === 'environment')) {
    lines.push('Its line in BLINK_TOKENS is ignored from now on, until it is changed; better remove it.')
  }
  lines.push('Blink still lists this installation among the devices of the account; remove it in the app.')
  return `${lines.join('\n')}\n`
}
