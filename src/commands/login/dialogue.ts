/**
 * The dialogue of a sign-in: password, code, and whatever the person must be told in between.
 *
 * What has been reached is on disk before the next question, so that a closed terminal costs no second code. A code
 * is sent only by a password that is typed, or by a person who asks for another when the cloud allows it.
 */
import { createHash } from 'node:crypto'
import { createSignIn, type PendingSignIn, type Tokens } from '../../blink/sign-in.ts'
import { codeLifeMs } from '../../blink/sign-in-answers.ts'
import { SignInRefused } from '../../blink/sign-in-refused.ts'
import type { Login } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { AwaitsCode } from '../../store/pending.ts'
import { printable } from '../terminal.ts'
import type { Answers } from './answers.ts'
import type { Bench } from './bench.ts'

/** A code has been sent, and nobody is here to type it. */
export class CodeWanted extends Error {
  override readonly name = 'CodeWanted'
  readonly pending: PendingSignIn

  constructor(pending: PendingSignIn) {
    super('a code has been sent')
    this.pending = pending
  }
}

export interface Dialogue {
  readonly login: Login
  /** `undefined` for a sign-in of which only the last step was left. */
  readonly tokens: Tokens | undefined
}

interface Wish {
  /** Has another code sent, though one is under way. */
  readonly anotherCode: boolean
}

/** @throws CodeWanted, SignInRefused, WrongUsage, Interrupted, and what the cloud's calls throw */
export async function dialogue(bench: Bench, answers: Answers, { anotherCode }: Wish): Promise<Dialogue> {
  const { pending: store, clock, terminal, install, settings, http } = bench
  const { stop } = terminal
  const { oauthUrl } = settings.blink
  const signIn = createSignIn({ http, oauthUrl, hardwareId: install.hardwareId, clock })
  const isTooSoon = (at: AwaitsCode) => clock.now() < resendAt(at)
  let email: string | undefined
  let password: Secret | undefined

  const kept = await store.read()
  if (kept?.step === 'keep') {
    terminal.err('The last sign-in was cut off right before its end; going on there.\n')
    return { login: kept.login, tokens: undefined }
  }

  async function begin(): Promise<AwaitsCode> {
    email ??= await answers.email()
    const emailHash = hashOf(email)
    const before = await store.read()
    if (before?.step === 'locked' && before.emailHash === emailHash && before.until > clock.now()) {
      throw new SignInRefused('too_many_codes', { retryAt: before.until })
    }
    password ??= await answers.password()
    try {
      const begun = await signIn.begin({ email, password }, stop)
      return await reached({ step: 'code', emailHash, ...begun })
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error
      await noteLock(error, emailHash)
      throw error
    }
  }

  async function reached(state: AwaitsCode): Promise<AwaitsCode> {
    await store.save(state)
    return state
  }

  async function noteLock(error: SignInRefused, emailHash: string): Promise<void> {
    if (error.code !== 'too_many_codes' || error.retryAt === undefined) return
    await store.save({ step: 'locked', emailHash, until: error.retryAt })
  }

  /** The sign-in that waits for its code, if it is this person's and still good. */
  function usable(): AwaitsCode | undefined {
    if (kept?.step !== 'code' || kept.sentAt + codeLifeMs <= clock.now()) return undefined
    const { givenEmail } = answers
    return givenEmail === undefined || hashOf(givenEmail) === kept.emailHash ? kept : undefined
  }

  const found = usable()
  if (found && anotherCode && isTooSoon(found)) {
    throw new SignInRefused('too_quick', { retryAt: resendAt(found) })
  }
  let state = found && !anotherCode ? found : await begin()
  if (state.challenge) terminal.err(`${whereSent(state)}\n`)
  while (state.challenge) {
    if (!answers.hasCode) throw new CodeWanted(state)
    const typed = await answers.code('Code (or `new` for another one): ')
    if (answers.interactive && /^new$/i.test(typed)) {
      if (isTooSoon(state))
        terminal.err(`Not before ${timeOf(resendAt(state))}. The one sent is still good.\n`)
      else {
        state = await begin()
        if (state.challenge) terminal.err(`${whereSent(state)}\n`)
      }
    } else state = await tryCode(state, typed)
  }

  async function tryCode(at: AwaitsCode, typed: string): Promise<AwaitsCode> {
    const code = typed.replaceAll(/[\s-]/g, '')
    if (!/^\w{4,12}$/.test(code)) {
      if (!answers.interactive) throw new SignInRefused('wrong_code')
      terminal.err('A code has 6 digits, as a rule.\n')
      return at
    }
    try {
      return await reached({ ...at, ...(await signIn.enterCode(at, new Secret(code), stop)) })
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error
      if (error.code === 'wrong_code' && answers.interactive) {
        terminal.err(`${error.message.replace('sign-in: ', 'No: ')}.\n${error.remedy ?? ''}\n`)
        return at
      }
      if (error.code === 'code_expired' || error.code === 'cookies_lost') await store.remove()
      await noteLock(error, at.emailHash)
      throw error
    }
  }

  const tokens = await signIn.finish(state, stop)
  const login: Login = {
    key: `login-${clock.uuid().slice(0, 13)}`,
    source: 'login',
    fingerprint: undefined,
    clientId: 'ios',
    refreshToken: tokens.refreshToken ?? notGiven(),
    accountId: undefined,
    region: undefined,
    hardwareId: undefined,
    refusedAt: undefined,
    refreshedAt: clock.now(),
  }
  await store.save({ step: 'keep', login })
  return { login, tokens }
}

function notGiven(): never {
  throw new SignInRefused('not_accepted')
}

function hashOf(email: string): string {
  return createHash('sha256').update(email.trim().toLowerCase()).digest('hex')
}

/** When another code may be asked for. */
export function resendAt({ sentAt, challenge }: PendingSignIn): number {
  return sentAt + (challenge?.resendAfterMs ?? 0)
}

/** Where the code went, and when another one may be asked for. */
export function whereSent(pending: PendingSignIn): string {
  const { phone, method } = pending.challenge ?? {}
  const way = method === undefined ? '' : ` by ${printable(method)}`
  const to = phone === undefined ? ' to your phone or e-mail' : ` to ${printable(phone)}`
  const until = timeOf(pending.sentAt + codeLifeMs)
  const another = timeOf(resendAt(pending))
  return `Blink has sent a code${way}${to}.\nIt is good until about ${until}; another one can be had from ${another} on.`
}

/** The time of day, as a person's clock shows it. */
export function timeOf(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(new Date(ms))
}
