/**
 * The command line: which commands there are, their options and help, and the answer to a mistyped one.
 *
 * Commands are loaded when they are wanted, so that `--help` does not wait for libraries it has no use for.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { settingOptions } from '../config/load.ts'
import type { Since } from './clips-download.ts'
import type { CommonOptions } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { printable, type Terminal } from './terminal.ts'
import { version } from './version.ts'

type Action = (terminal: Terminal, options: CommonOptions) => Promise<ExitCode>

/** The commands that take settings: name, what it does, examples, and how to load it. */
const commands: readonly {
  readonly name: string
  readonly does: string
  readonly json: boolean
  readonly examples: readonly string[]
  readonly load: () => Promise<Action>
}[] = [
  {
    name: 'run',
    does: 'request manifests on a schedule and publish each request ID to MQTT (default)',
    json: false,
    examples: [
      'blink-manifestd run --mqtt-url mqtt://broker.lan:1883',
      "blink-manifestd --schedule-cron '*/15 * * * *'",
    ],
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'once',
    does: 'one run: discover, request for every module, publish, stop',
    json: true,
    examples: ['blink-manifestd once', "blink-manifestd once --json | jq -r '.request_id_str // empty'"],
    load: async () => (await import('./once.ts')).once,
  },
  {
    name: 'discover',
    does: 'list the sync modules, whether each would be requested, and why not',
    json: true,
    examples: ['blink-manifestd discover', 'blink-manifestd discover --json --modules-exclude 44107'],
    load: async () => (await import('./discover.ts')).discover,
  },
  {
    name: 'accounts',
    does: 'list the accounts with their state, never a secret',
    json: true,
    examples: ['blink-manifestd accounts'],
    load: async () => (await import('./accounts.ts')).accounts,
  },
  {
    name: 'clips list',
    does: 'list what is on the sticks, as of the last manifests, and what is on disk',
    json: true,
    examples: [
      'blink-manifestd clips list',
      'blink-manifestd clips list --json | jq -r \'select(.state == "saved").path\'',
    ],
    load: async () => (await import('./clips-list.ts')).clipsList,
  },
  {
    name: 'store move',
    does: 'copy the data directory into the PostgreSQL of store.url, once; in place of the daemon',
    json: true,
    examples: ['STORE_URL_FILE=url STORE_KEY_FILE=key blink-manifestd store move --data-dir ./data'],
    load: async () => (await import('./store-move.ts')).storeMove,
  },
  {
    name: 'config',
    does: 'print the effective settings and where each came from',
    json: true,
    examples: ['blink-manifestd config --config /etc/blink-manifestd.yaml'],
    load: async () => (await import('./config.ts')).config,
  },
  {
    name: 'probe',
    does: 'measure on your own account what nobody has published, after you typed yes; in place of the daemon',
    json: false,
    examples: ['blink-manifestd probe > probe.json', 'blink-manifestd probe --modules-include 44107/350221'],
    load: async () => (await import('./probe.ts')).probe,
  },
  {
    name: 'demo',
    does: 'daemon, simulated cloud and MQTT broker in one process, nothing to set up',
    json: false,
    examples: ['blink-manifestd demo'],
    load: async () => (await import('./demo.ts')).demo,
  },
]

/**
 * Runs the command that the arguments of a process name, and returns its exit code.
 *
 * @throws what ended the command; the terminal's own reason when it was stopped
 */
export async function runCommand(terminal: Terminal, args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exit.done
  try {
    const program = build(terminal, (result) => {
      code = result
    })
    refuseUnknownCommand(program, args[2])
    await program.parseAsync(args)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? exit.done : exit.usage
  }
  return code
}

/** Commander would take a mistyped command for an argument of the default one, and say so. */
function refuseUnknownCommand(program: Command, word: string | undefined): void {
  if (word === undefined || word.startsWith('-')) return
  const known = ['help', ...program.commands.map((command) => command.name())]
  if (known.includes(word)) return
  program.error(`error: unknown command '${printable(word)}'; there are ${known.join(', ')}`)
}

function build(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const program = new Command('blink-manifestd')
    .description(
      'Requests a local storage manifest of every Blink sync module and publishes each request ID to MQTT.',
    )
    .version(version, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      outputError: (message, write) => write(withoutValue(message)),
    })
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
  const clips = program.command('clips').description('the clips on the sticks and on disk')
  const store = program.command('store').description('the state that several daemons share in PostgreSQL')
  for (const { name, does, json, examples, load } of commands) {
    const [first = name, second] = name.split(' ')
    const group = first === 'store' ? store : clips
    const command = second ? group.command(second) : program.command(first, { isDefault: name === 'run' })
    command.description(does)
    if (json) command.option('--json', 'results as JSON')
    addSettings(command)
    command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}`)
    command.action(async (given: Record<string, unknown>) => {
      const action = await load()
      done(await action(terminal, commonOptions(given)))
    })
  }
  addDownload(clips, terminal, done)
  addStoreKey(store, terminal, done)
  addSimulate(program, terminal, done)
  addSignIn(program, terminal, done)
  addSupport(program, terminal, done)
  addHealthcheck(program, terminal, done)
  program.addHelpText(
    'after',
    `
Examples:
  blink-manifestd demo                       see it work, without an account or a broker
  blink-manifestd once --json | jq .         request now, results as JSON
  blink-manifestd run --config my.yaml       the daemon with a settings file

Exit codes: 0 done, 1 a bug, 64 wrong usage, 74 result could not be written, 75 try again later, 77 sign in first,
78 settings cannot be used.`,
  )
  return program
}

/** What does not belong there may be a password or an address, which must not get into logs. */
function withoutValue(message: string): string {
  return message
    .replace(/^(error: unknown option '--[^=]*)=.*'/s, "$1'")
    .replace(/^(error: unknown option '-[^-]).*'/s, "$1'")
    .replace(/^(error: too many arguments [^\n]* but got \d+):.*/s, '$1.\n')
}

/** One option for each setting; the text is checked with all other sources, so that every problem is listed at once. */
function addSettings(command: Command): void {
  command.option('--config <path>', 'settings file; config/local.yaml if it is there')
  for (const { flag, valueName, doc, boolean } of settingOptions) {
    const value = boolean ? `[${valueName}]` : `<${valueName}>`
    command.addOption(new Option(`${flag} ${value}`, doc))
  }
}

function commonOptions(given: Record<string, unknown>): CommonOptions {
  const overrides = new Map<string, string>()
  for (const { setting, flag } of settingOptions) {
    const text = given[new Option(flag).attributeName()]
    if (text !== undefined) overrides.set(setting, String(text))
  }
  const config = typeof given.config === 'string' ? given.config : undefined
  return { config, overrides, json: given.json === true }
}

function addDownload(clips: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  const command = clips
    .command('download')
    .description('one run: download what is new on the sticks, publish each clip, stop')
    .option(
      '--since <time>',
      'only clips of this time: 2d, 12h, 30m, or a date in UTC like 2026-11-28',
      aTime,
    )
    .option('--camera <name>', 'only clips of this camera')
    .option('--all', 'also clips that were too old at first sight, or have failed')
    .option('--json', 'results as JSON')
  addSettings(command)
  command.addHelpText(
    'after',
    '\n--since takes older clips as well, unlike clips.backfillDays. Nothing on a stick is deleted.\n' +
      '\nExamples:\n  blink-manifestd clips download\n' +
      "  blink-manifestd clips download --since 2d --camera 'Front Door'\n" +
      '  blink-manifestd clips download --all --clips-directory /media/blink\n',
  )
  command.action(async (given: Record<string, unknown> & { readonly since?: Since }) => {
    const { clipsDownload } = await import('./clips-download.ts')
    const code = await clipsDownload(terminal, commonOptions(given), {
      since: given.since,
      camera: typeof given.camera === 'string' ? given.camera : undefined,
      all: given.all === true,
    })
    done(code)
  })
}

function addStoreKey(store: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  store
    .command('key')
    .description('print a new store.key, which seals the refresh tokens in PostgreSQL')
    .addHelpText('after', '\nExamples:\n  (umask 077; blink-manifestd store key > store-key)\n')
    .action(async () => {
      const { storeKey } = await import('./store-key.ts')
      done(storeKey(terminal))
    })
}

function addSignIn(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  const login = program
    .command('login')
    .description('sign an account in: e-mail address, password, and the code that Blink sends')
    .option(
      '--password-file <path>',
      'a file that holds the password; - for stdin, /dev/fd/3 for a descriptor',
    )
    .option('--code-file <path>', 'the same for the code')
    .option('--new-code', 'have another code sent, though one was sent before')
    .option('--import <path>', "take over blinkpy's JSON or token lines instead")
    .addOption(
      new Option('--client <name>', 'the OAuth client of an imported token').choices(['ios', 'android']),
    )
    .option('--json', 'result as JSON')
  addSettings(login)
  login.addHelpText(
    'after',
    '\nPrompts for what is not given. The e-mail address can be given as BLINK_EMAIL only.\n' +
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
    .description('forget the credentials of an account; a running daemon removes its topics')
  addSettings(logout)
  logout.addHelpText('after', '\nExamples:\n  blink-manifestd logout 8021\n')
  logout.action(async (account: string, given: Record<string, unknown>) => {
    const signOut = await import('./logout.ts')
    done(await signOut.logout(terminal, commonOptions(given), account))
  })
}

function addSimulate(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  program
    .command('simulate')
    .description('run the simulated Blink cloud and print its base URL')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on, 0 for any free one', wholePort, 0)
    .addHelpText('after', '\nExamples:\n  blink-manifestd simulate --port 8021\n')
    .action(async (options: { readonly host: string; readonly port: number }) => {
      const { simulate } = await import('./simulate.ts')
      done(await simulate(terminal, options))
    })
}

function addSupport(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  const command = program
    .command('support')
    .description('write one file for a bug report, with everything secret or personal masked')
    .option('--output <path>', 'the file to write, - for stdout; a new file in this directory if not given')
  addSettings(command)
  command.addHelpText(
    'after',
    '\nWorks beside a running daemon. Prints the path of the file.\n' +
      '\nExamples:\n  blink-manifestd support\n  blink-manifestd support --output - | less\n',
  )
  command.action(async (given: Record<string, unknown>) => {
    const { support } = await import('./support.ts')
    const output = typeof given.output === 'string' ? given.output : undefined
    done(await support(terminal, commonOptions(given), output))
  })
}

function addHealthcheck(program: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  const command = program
    .command('healthcheck', { hidden: true })
    .description('for containers: is the daemon alive')
  addSettings(command)
  command.action(async (given: Record<string, unknown>) => {
    const { healthcheck } = await import('./healthcheck.ts')
    done(await healthcheck(terminal, commonOptions(given)))
  })
}

function wholePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('it is a number from 0 to 65535')
}

const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 60 * 60_000,
  d: 24 * 60 * 60_000,
  w: 7 * 24 * 60 * 60_000,
}

/** A length of time before now, or a date. */
function aTime(text: string): Since {
  const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  if (count !== undefined) return { agoMs: Number(count) * (unitMs[unit] ?? 0) }
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return { at }
  throw new InvalidArgumentError('it is a number with m, h, d or w, or a date like 2026-11-28')
}
