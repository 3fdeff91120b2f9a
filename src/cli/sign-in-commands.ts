/**
 * `login` and `logout` as the command line knows them.
 */
import { type Command, Option } from 'commander'
import type { ExitCode } from './exit.ts'
import type { CommonOptions } from './prepare.ts'
import type { Terminal } from './terminal.ts'

/** What the front door does for every command. */
interface Door {
  readonly terminal: Terminal
  readonly done: (code: ExitCode) => void
  readonly addSettings: (command: Command) => void
  readonly commonOptions: (given: Record<string, unknown>) => CommonOptions
}

/** Adds both commands. */
export function addSignIn(program: Command, { terminal, done, addSettings, commonOptions }: Door): void {
  const login = program
    .command('login')
    .description('sign an account in: e-mail address, password, and the code that Blink sends')
    .option(
      '--password-file <path>',
      'a file that holds the password; - for stdin, /dev/fd/3 for a descriptor',
    )
    .option('--code-file <path>', 'the same for the code')
    .option('--new-code', 'have another code sent, though one is under way')
    .option('--import <path>', "take over blinkpy's JSON or token lines instead")
    .addOption(
      new Option('--client <name>', 'the OAuth client of an imported token').choices(['ios', 'android']),
    )
    .option('--json', 'result as JSON')
  addSettings(login)
  login.addHelpText(
    'after',
    '\nWhat is not given is asked for. The e-mail address can be given as BLINK_EMAIL only.\n' +
      '\nExamples:\n  blink-manifestd login\n' +
      '  BLINK_EMAIL=anna@example.com blink-manifestd login --password-file /run/secrets/blink\n' +
      '  blink-manifestd login --import ~/.blinkpy.json\n',
  )
  login.action(async (given: Record<string, unknown>) => {
    const text = (name: string) => (typeof given[name] === 'string' ? given[name] : undefined)
    const signIn = await import('./login.ts')
    const code = await signIn.login(terminal, commonOptions(given), {
      passwordFile: text('passwordFile'),
      codeFile: text('codeFile'),
      importFile: text('import'),
      client: text('client'),
      newCode: given.newCode === true,
    })
    done(code)
  })
  const logout = program
    .command('logout <account_id>')
    .description('forget the login of an account; a running daemon clears its topics')
  addSettings(logout)
  logout.addHelpText('after', '\nExamples:\n  blink-manifestd logout 8021\n')
  logout.action(async (account: string, given: Record<string, unknown>) => {
    const signOut = await import('./logout.ts')
    done(await signOut.logout(terminal, commonOptions(given), account))
  })
}
