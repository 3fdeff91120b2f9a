/**
 * `logout`: forgets an account's login. Files only, so that it works beside the daemon, which then clears its topics.
 */
import type { Credentials } from '../domain/model.ts'
import { openCredentials } from '../storage/credentials.ts'
import { type ExitCode, exit } from './exit.ts'
import { type CommonOptions, readSettings } from './prepare.ts'
import { printable, type Terminal } from './terminal.ts'

/** @param account an account id, or the name that `accounts` shows for a login whose account is not known */
export async function logout(terminal: Terminal, options: CommonOptions, account: string): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  const { credentials, limits } = await openCredentials(settings.dataDir)
  const all = await credentials.list()
  const meant = all.filter(({ key, accountId }) => accountId === account || key === account)
  if (meant.length === 0) {
    const known = all.map(({ key, accountId }) => accountId ?? key).join(', ') || 'none'
    terminal.err(`blink-manifestd: there is no login of ${printable(account)}; there is ${known}.\n`)
    return exit.usage
  }
  for (const { key, accountId } of meant) {
    await credentials.forget(key)
    await limits.remove(accountId ?? key)
  }
  terminal.out(`Logged out: ${printable(account)}.\n`)
  terminal.err(advice(meant))
  return exit.done
}

function advice(meant: readonly Credentials[]): string {
  const lines = ['A running daemon stops asking for it within seconds and clears its topics.']
  if (meant.some(({ source }) => source === 'environment')) {
    lines.push(
      'Its line in BLINK_TOKENS is passed over from now on, until it is changed; better take it out.',
    )
  }
  lines.push('Blink still lists this installation among the devices of the account; remove it in the app.')
  return `${lines.join('\n')}\n`
}
