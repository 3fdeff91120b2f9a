/**
 * `logout`: forgets an account's credentials. Works beside running daemons, which notice it.
 */
import { signedOutWords, signOut } from '../commands/sign-out.ts'
import { openStore } from '../commands/store.ts'
import { systemClock } from '../domain/clock.ts'
import { type CommonOptions, readSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { lines } from './login/sentences.ts'
import { printable, type Terminal } from './terminal.ts'

/** @param account an account id, or the key that `accounts` shows for credentials whose account is not known */
export async function logout(terminal: Terminal, options: CommonOptions, account: string): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  await using store = await openStore({ settings, clock: systemClock })
  const stores = await store.accounts()
  const forgotten = await signOut(stores, account)
  if (forgotten.length === 0) {
    const known =
      (await stores.credentials.list()).map(({ key, accountId }) => accountId ?? key).join(', ') || 'none'
    terminal.err(`blink-manifestd: there is no login of ${printable(account)}; there is ${known}.\n`)
    return exit.usage
  }
  terminal.out(`Logged out: ${printable(account)}.\n`)
  terminal.err(`${lines(signedOutWords(forgotten))}\n`)
  return exit.done
}
