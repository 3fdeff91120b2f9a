/**
 * `probe`: measures on the person's own account how long a manifest takes, how long a request ID lives and whether the refresh
 * token changes. Nothing is sent before they have typed `yes`.
 */
import type { Account } from '../accounts/account.ts'
import { type AccountRegistry, openRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import { type Clock, iso } from '../domain/clock.ts'
import { isWanted } from '../domain/eligibility.ts'
import { CloudError } from '../domain/errors.ts'
import { accountStatusOf, explain } from '../domain/failure.ts'
import { createNotifier } from '../domain/notifier.ts'
import type { Log, Storage } from '../domain/ports.ts'
import { openStorage } from '../storage/open.ts'
import { countCalls, measure, type ProbeResult } from '../support/probe.ts'
import type { ProbeReport } from '../topics/cli-schemas.ts'
import { type CommonOptions, openContext } from './context.ts'
import { accountSentences, type ExitCode, exit } from './exit.ts'
import { Interrupted, prompt } from './login/answers.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

const page = `This measures on your own Blink account what nobody has published:

  - how long a sync module takes for a manifest,
  - how long its request ID can be used,
  - whether the refresh token changes when it is renewed.

What it sends to Blink, as the daemon does anyway:

  - one renewal of the access token, and another one when that runs out,
  - one manifest request to one sync module, and no second one,
  - at most 30 GETs in an hour: the home screen, and whether the manifest is there.

It never uses an old refresh token again, keeps away from a sync module that has just been requested, and stops at the
first 403, 406 or 429. All the same it is a program on an unofficial API, as the daemon is: Blink has locked accounts
that programs polled too often.

It takes up to an hour. Keep the daemon, the app and other programs away from this account meanwhile. Ctrl-C ends it.

What comes out is one JSON document on standard output, without ids, names, addresses and times of day. It is sent
nowhere: you decide whether to publish it.

`

export async function probe(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  if (!terminal.input?.isTerminal) {
    terminal.err(
      'blink-manifestd: probe needs a terminal, where a person reads what it sends and types yes.\n',
    )
    return exit.usage
  }
  const { loaded, clock, log } = await openContext(terminal, options, { quiet: true })
  if (loaded.settings.store.url) {
    terminal.err(
      'blink-manifestd: probe needs an account for itself: run it on a data directory, without store.url.\n',
    )
    return exit.usage
  }
  return runProbe({
    ...{ settings: loaded.settings, clock, log, signal: terminal.stop },
    out: terminal.out,
    say: (sentence) => terminal.err(`${sentence}\n`),
    async consent() {
      terminal.err(page)
      try {
        return (await prompt(terminal, 'Type yes to begin: ')).trim() === 'yes'
      } catch (error) {
        if (error instanceof Interrupted) return false
        throw error
      }
    },
  })
}

export interface ProbeRun {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  readonly out: (text: string) => void
  readonly say: (sentence: string) => void
  readonly consent: () => Promise<boolean>
}

export async function runProbe(run: ProbeRun): Promise<ExitCode> {
  const { settings, clock, log, signal, out, say, consent } = run
  const rules = settings.modules
  await using parts = new AsyncDisposableStack()
  const storage = await openStorage(settings.dataDir, clock, log)
  parts.defer(() => storage.close())
  const calls = countCalls()
  const observer = createNotifier(log)
  observer.add(calls.observer)
  const registry = await openRegistry({ settings, storage, observer, clock, log })
  parts.defer(() => registry.close())
  const chosen = await choose(registry, storage, settings)
  if (!chosen) {
    say('blink-manifestd: there is no Blink login. Sign in with `blink-manifestd login`.')
    return exit.login
  }
  // So that two of them do not make 60 GETs of 30.
  if ((await storage.starts.lastAt(throttleOf(chosen.name))) !== undefined) {
    say('blink-manifestd: the last measurement was less than an hour ago. Nothing was sent.')
    return exit.temporary
  }
  if (!(await consent())) {
    say('Nothing was sent.')
    return exit.done
  }
  await storage.starts.note(throttleOf(chosen.name))
  const tokenBefore = (await storage.credentials.list()).find(({ key }) => key === chosen.key)?.refreshToken
  try {
    const account = await chosen.account(signal)
    if (!account || !tokenBefore) return exit.login
    // By then it may be known whose the credentials are.
    if (account.accountId !== chosen.name) await storage.starts.note(throttleOf(account.accountId))
    const result = await measure({
      ...{ account, tokenBefore, rules, calls, clock, signal },
      ledger: storage.ledger,
      progress: say,
    })
    out(`${JSON.stringify(reportOf(result, clock.now()), undefined, 2)}\n`)
    return exitOf(result)
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    const failure = explain(error, clock.now())
    say(accountSentences({ account: chosen.name, status: accountStatusOf(error), failure }).trimEnd())
    return accountStatusOf(error) === 'login_required' ? exit.login : exit.temporary
  }
}

function throttleOf(name: string): string {
  return `probe-${name}`
}

interface Chosen {
  /** The account's id, or the key of credentials whose account is not known. */
  readonly name: string
  /** Of its credentials. */
  readonly key: string
  account(signal: AbortSignal): Promise<Account | undefined>
}

/** The first account with a module that the settings want; one that was never listed where there is no other. */
async function choose(
  registry: AccountRegistry,
  { ledger }: Pick<Storage, 'ledger'>,
  { modules }: Settings,
): Promise<Chosen | undefined> {
  const { accounts, unidentified } = registry
  let found = accounts[0]
  for (const account of accounts.toReversed()) {
    const keys = await ledger.keys(account.accountId)
    if (keys.some((key) => isWanted(key, modules))) found = account
  }
  if (found) {
    const account = found
    return {
      name: account.accountId,
      key: account.session.credentials.key,
      account: async () => account,
    }
  }
  const [key] = unidentified
  return key === undefined
    ? undefined
    : { name: key, key, account: (signal) => registry.identify(key, signal) }
}

function exitOf({ end }: ProbeResult): ExitCode {
  if (end.reason === 'complete' || end.reason === 'interrupted') return exit.done
  return end.reason === 'login_required' ? exit.login : exit.temporary
}

function reportOf(result: ProbeResult, now: number): ProbeReport {
  const { module, answers, end } = result
  const ready = answers.filter(({ outcome }) => outcome === 'ready')
  const code = ({ status, bodyCode }: Pick<typeof end, 'status' | 'bodyCode'>) => ({
    status: status ?? null,
    body_code: bodyCode ?? null,
  })
  return {
    schema: 1,
    program: version,
    month: iso(now).slice(0, 7),
    module: module ? { type: plain(module.model), firmware: plain(module.firmware) } : null,
    refresh: { count: result.refreshes, changed: result.changedTokens },
    manifest: {
      request_ms: result.requestMs === undefined ? null : Math.round(result.requestMs),
      not_ready_at_s: answers.findLast(({ outcome }) => outcome === 'not_ready')?.afterS ?? null,
      ready_at_s: ready[0]?.afterS ?? null,
    },
    request_id: {
      good_at_s: ready.at(-1)?.afterS ?? null,
      gone_at_s: answers.find(({ outcome }) => outcome === 'gone')?.afterS ?? null,
    },
    answers: answers.map(({ afterS, outcome, ...rest }) => ({ after_s: afterS, outcome, ...code(rest) })),
    gets: result.gets,
    end: { reason: end.reason, during: end.during, ...code(end) },
  }
}

/** The cloud's own word, if it can be nobody's name. */
function plain(word: string | undefined): string | null {
  return word !== undefined && /^(sm\d|[\d.]{1,16})$/.test(word) ? word : null
}
