/**
 * A person's sign-in, without the questions and sentences of whoever asks for it.
 *
 *   resume or begin -> enterCode, until no code is wanted -> finish -> keepCredentials
 *
 * What has been reached is on disk before the next step, so that a closed terminal costs no second code. A code is sent
 * by `begin` only. Needs no lock and holds no account, so that it works beside running daemons.
 */
import { createHash } from 'node:crypto'
import { keyedByAccount, replacedBy } from '../accounts/credentials.ts'
import type { AnyCallKind } from '../blink/api.ts'
import { createCloud, type Identity } from '../blink/client.ts'
import { credentialsOf, type TokenLine } from '../blink/credentials-file.ts'
import { createSignInHttp, type Http } from '../blink/http.ts'
import { createSession } from '../blink/session.ts'
import { createSignIn, type Tokens } from '../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../blink/sign-in-responses.ts'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import { type AccountThrottled, DaemonError, LoginNeeded, StoreFailed } from '../domain/errors.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, Installation, LimitStore, Log } from '../domain/ports.ts'
import { afterThrottle, closedUntil, opensBreaker } from '../domain/retry-policy.ts'
import { Secret } from '../domain/secret.ts'
import type { AwaitsCode, PendingSignIns } from '../storage/pending-sign-in.ts'
import { openStore } from './store.ts'

export interface SignInContext extends AsyncDisposable {
  readonly settings: Settings
  readonly http: Http<AnyCallKind>
  readonly installation: Installation
  readonly credentials: CredentialStore
  readonly limits: LimitStore
  /** The sign-in under way. */
  readonly pending: PendingSignIns
  readonly clock: Clock
  readonly log: Log
}

export async function openSignIn(settings: Settings, clock: Clock, log: Log): Promise<SignInContext> {
  const { proxies, blink } = settings
  await using opened = new AsyncDisposableStack()
  const store = opened.use(await openStore({ settings, clock, log }))
  const installation = await store.installation()
  const { credentials, limits } = await store.accounts()
  const http = createSignInHttp({ clock, timeoutMs: blink.timeoutSeconds * 1000, concurrency: 1, proxies })
  opened.defer(() => http.close({ graceMs: 0 }))
  const parts = opened.move()
  return {
    ...{ settings, http, installation, credentials, limits, clock, log },
    pending: store.pending,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** When another code may be requested. */
export function resendAt({ sentAt, challenge }: Pick<AwaitsCode, 'sentAt' | 'challenge'>): number {
  return sentAt + (challenge?.resendAfterMs ?? 0)
}

/** Each throws SignInRefused, and what the cloud's calls throw. */
export interface SignInSteps {
  /** The sign-in that waits for its code, if it is this person's, as far as that is known, and still good. */
  resume(email: string | undefined): Promise<AwaitsCode | undefined>
  /** Has a code sent, unless the account is locked or needs none; the password is not read before that is known. */
  begin(email: string, password: () => Promise<Secret>): Promise<AwaitsCode>
  /** Sends a code to the cloud; what cannot be one is refused here, since each wrong one counts. */
  enterCode(state: AwaitsCode, typed: string): Promise<AwaitsCode>
  /** From the right code to credentials, which are on disk before they are tried. */
  finish(state: AwaitsCode): Promise<SignedIn>
}

export interface SignedIn {
  readonly credentials: Credentials
  readonly tokens: Tokens
}

export function signInSteps(context: SignInContext, signal: AbortSignal): SignInSteps {
  const { http, settings, installation, pending, clock } = context
  const { hardwareId } = installation
  const signIn = createSignIn({ http, oauthUrl: settings.blink.oauthUrl, hardwareId, clock })

  async function reached(state: AwaitsCode): Promise<AwaitsCode> {
    await pending.save(state)
    return state
  }

  /** Remembers a lock of the account: a try within the hour would lengthen it. */
  async function notingLocks<T>(emailHash: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof SignInRefused && error.code === 'too_many_codes' && error.retryAt !== undefined) {
        await pending.save({ step: 'locked', emailHash, until: error.retryAt })
      }
      throw error
    }
  }

  /** Forgets a sign-in that leads nowhere any more, so that the next one begins anew. */
  async function forgettingDeadEnds<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const ends = ['code_expired', 'cookies_lost', 'not_accepted']
      if (error instanceof SignInRefused && ends.includes(error.code)) await pending.remove()
      throw error
    }
  }

  return {
    async resume(email) {
      const before = await pending.read()
      if (before?.step !== 'code' || before.sentAt + codeLifeMs <= clock.now()) return undefined
      return email === undefined || hashOf(email) === before.emailHash ? before : undefined
    },

    async begin(email, readPassword) {
      const emailHash = hashOf(email)
      const before = await pending.read()
      if (before?.step === 'locked' && before.emailHash === emailHash && before.until > clock.now()) {
        throw new SignInRefused('too_many_codes', { retryAt: before.until })
      }
      const password = await readPassword()
      const begun = await notingLocks(emailHash, () => signIn.begin({ email, password }, signal))
      return reached({ step: 'code', emailHash, ...begun })
    },

    async enterCode(state, typed) {
      const code = typed.replaceAll(/[\s-]/g, '')
      if (!/^\w{4,12}$/.test(code)) throw new SignInRefused('wrong_code')
      const entered = await forgettingDeadEnds(() =>
        notingLocks(state.emailHash, () => signIn.enterCode(state, new Secret(code), signal)),
      )
      return reached({ ...state, ...entered })
    },

    async finish(state) {
      const tokens = await forgettingDeadEnds(async () => {
        const given = await signIn.finish(state, signal)
        if (given.refreshToken === undefined) throw new SignInRefused('not_accepted')
        return { ...given, refreshToken: given.refreshToken }
      })
      const credentials: Credentials = {
        key: `login-${clock.uuid().slice(0, 13)}`,
        source: 'login',
        fingerprint: undefined,
        clientId: 'ios',
        refreshToken: tokens.refreshToken,
        accountId: undefined,
        region: undefined,
        hardwareId: undefined,
        refusedAt: undefined,
        refreshedAt: clock.now(),
      }
      await pending.save({ step: 'keep', credentials })
      return { credentials, tokens }
    },
  }
}

/** Whether it can be an e-mail address at all. */
export function isEmail(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text)
}

function hashOf(email: string): string {
  return createHash('sha256').update(email.trim().toLowerCase()).digest('hex')
}

export interface Kept {
  readonly credentials: Credentials
  /** Why the cloud did not name account and region; the daemon will request them. */
  readonly unknown: DaemonError | undefined
  /** The credentials that were given up for these. */
  readonly replaced: readonly Credentials[]
  /** When the pause that the cloud wants for this account, since before or just now, is over. */
  readonly pausedUntil: number | undefined
}

export interface KeepOptions {
  readonly signal: AbortSignal
  /** The tokens of a sign-in, which need no refresh to be tried. */
  readonly fresh?: Tokens | undefined
  /** Called when `signal` is aborted, but an answer must be waited for that may hold the only good token. */
  readonly onWait?: () => void
}

/**
 * Tries credentials once, keeps them under a new key, and gives up those that they replace.
 *
 * A new key, because a daemon that runs beside may this very moment write to the old file what its own token has
 * become. Kept in one step and not touched afterwards, for the same reason.
 *
 * @throws LoginNeeded and other errors of the cloud when the token does not work; nothing is kept then
 */
export async function keepCredentials(
  context: SignInContext,
  given: Credentials,
  { signal, fresh, onWait }: KeepOptions,
): Promise<Kept> {
  const { http, settings, installation, pending, clock, log } = context
  const isSame = ({ key }: Credentials) => isKeyOf(key, given)
  const kept = (await context.credentials.list()).find(isSame)
  // Killed right after that: a daemon may have used them since, and our token with them.
  if (kept && kept.refusedAt === undefined) return settle(context, kept)
  let tried = fresh !== undefined
  const { oauthUrl, restUrl } = settings.blink
  const session = createSession({
    credentials: given,
    hardwareId: installation.hardwareId,
    oauthUrl,
    http,
    clock,
    log,
    ...(fresh && { access: fresh }),
    async save(changed) {
      if (changed.refusedAt !== undefined) return
      // The token it came with may be worth nothing by now: this one must not be lost.
      await pending.save({ step: 'keep', credentials: changed })
      tried = true
    },
  })
  const cloud = createCloud({ session, http, restUrl, clock, log })
  let identity: Identity | undefined
  let unknown: DaemonError | undefined
  try {
    if (fresh === undefined) await session.accessToken(signal)
    tried = true
    identity = await cloud.check(signal)
  } catch (error) {
    // A refresh goes on, and its answer may hold the only good token; it has the deadline of any request.
    if (signal.aborted) {
      if (!tried) onWait?.()
      await session.settled()
    }
    if (error instanceof LoginNeeded) await forgetPending(context, given)
    if (!tried || error instanceof LoginNeeded || !(error instanceof DaemonError)) throw error
    unknown = error
  }
  const works = keyedByAccount({ ...session.credentials, ...identity })
  // Before they are saved, since a daemon takes them up at once, with whatever pause is there.
  if (opensBreaker(unknown)) await pause(context, works, unknown)
  await context.credentials.save(works)
  return settle(context, works, unknown)
}

/** Gives up the credentials that these, which are kept, replace. */
async function settle(context: SignInContext, kept: Credentials, unknown?: DaemonError): Promise<Kept> {
  const { credentials, limits, clock } = context
  const replaced = replacedBy(kept, await credentials.list())
  for (const { key } of replaced) await credentials.forget(key)
  await forgetPending(context, kept)
  const pausedUntil = closedUntil(await limits.breaker(kept.accountId ?? kept.key), clock.now())
  return { credentials: kept, unknown, replaced, pausedUntil }
}

/** Keeps the pause that the cloud has just named; an earlier one that is longer goes on. */
async function pause(
  { limits, clock }: SignInContext,
  { accountId, key }: Credentials,
  error: AccountThrottled,
): Promise<void> {
  const account = accountId ?? key
  const before = await limits.breaker(account)
  const { failures, openUntil } = afterThrottle(before, error, { now: clock.now(), chance: clock.random() })
  await limits.saveBreaker(account, {
    failures,
    openUntil: Math.max(openUntil ?? 0, before.openUntil ?? 0),
  })
}

/** The next sign-in must not go on with credentials that are kept, or are worth nothing; a note of others stays. */
async function forgetPending({ pending }: SignInContext, { key }: Credentials): Promise<void> {
  const note = await pending.read()
  if (note?.step === 'keep' && isKeyOf(key, note.credentials)) await pending.remove()
}

/** Whether a key is that of these credentials, with or without the account in it. */
function isKeyOf(key: string, { key: own }: Credentials): boolean {
  return key === own || key.endsWith(`-${own}`)
}

/** What became of the credentials of one line, or why the rest was not tried. */
export type Imported =
  | { readonly kept: Kept }
  | { readonly error: DaemonError }
  /** Credentials that an earlier run could not keep come first. */
  | { readonly resumed: true }
  | { readonly stopped: { readonly isPending: boolean; readonly untried: readonly TokenLine[] } }

/**
 * Takes over what another program has obtained: tries the credentials of each line once, and keeps those that work.
 *
 * Ends at some that work and cannot be kept: their only good token is in the note of a sign-in under way then, and there
 * is one note.
 */
export async function* importCredentials(
  context: SignInContext,
  given: readonly TokenLine[],
  options: KeepOptions,
): AsyncGenerator<Imported, void, void> {
  const { pending, clock } = context
  const waiting = await pending.read()
  const cutOff = waiting?.step === 'keep' ? waiting.credentials : undefined
  if (cutOff) yield { resumed: true }
  // The token of its line is used up.
  const lines = given.filter(({ fingerprint }) => fingerprint !== cutOff?.fingerprint)
  const imported = lines.map((line) =>
    credentialsOf(line, { key: `import-${clock.uuid().slice(0, 13)}`, source: 'import' }),
  )
  const all = [...(cutOff ? [cutOff] : []), ...imported]
  for (const [at, credentials] of all.entries()) {
    const one = await keepCredentials(context, credentials, options).then(
      (kept) => ({ kept }),
      (error: unknown) => {
        if (error instanceof DaemonError) return { error }
        throw error
      },
    )
    yield one
    const isPending = (await pending.read())?.step === 'keep'
    if (isPending || ('error' in one && one.error instanceof StoreFailed)) {
      yield { stopped: { isPending, untried: lines.slice(at + 1 - (all.length - lines.length)) } }
      return
    }
    // A code that a person waits for, or a lock: the note of our own try took its place for a moment.
    if (waiting && !cutOff) await pending.save(waiting)
  }
}
