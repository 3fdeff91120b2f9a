/**
 * The dialogue of a sign-in: password, code, and whatever the person must be told in between.
 *
 *   begin or resume -> one answer after another, until no code is wanted -> finish
 *
 * What has been reached is on disk before the next question, so that a closed terminal costs no second code. A code
 * is sent only by a password that is typed, or by a person who asks for another when the cloud allows it.
 */
import { createHash } from 'node:crypto'
import { createSignIn, type PendingSignIn, type SignIn, type Tokens } from '../../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../../blink/sign-in-responses.ts'
import type { Credentials } from '../../domain/model.ts'
import { Secret } from '../../domain/secret.ts'
import type { AwaitsCode, PendingLogin } from '../../storage/pending-sign-in.ts'
import type { Answers } from './answers.ts'
import { resendAt, timeOf, whereSent } from './code-sent.ts'
import type { SignInContext } from './context.ts'

/** A code has been sent, and nobody is here to type it. */
export class CodeWanted extends Error {
  override readonly name = 'CodeWanted'
  readonly pending: PendingSignIn

  constructor(pending: PendingSignIn) {
    super('a code has been sent')
    this.pending = pending
  }
}

export interface SignedIn {
  readonly login: Credentials
  /** `undefined` for a sign-in of which only the last step was left. */
  readonly tokens: Tokens | undefined
}

interface Wish {
  /** Has another code sent, though one is under way. */
  readonly anotherCode: boolean
}

/** Who talks, and about what; the same for every step. */
interface Talk extends Pick<SignInContext, 'pending' | 'clock' | 'terminal'> {
  readonly answers: Answers
  readonly signIn: SignIn
  readonly email: () => Promise<string>
  readonly password: () => Promise<Secret>
}

/** @throws CodeWanted, SignInRefused, WrongUsage, Interrupted, and what the cloud's calls throw */
export async function dialogue(context: SignInContext, answers: Answers, wish: Wish): Promise<SignedIn> {
  const before = await context.pending.read()
  if (before?.step === 'keep') {
    context.terminal.err('The last sign-in was cut off right before its end; going on there.\n')
    return { login: before.login, tokens: undefined }
  }
  const talk = talkOf(context, answers)
  let state = (await resume(talk, before, wish)) ?? (await begin(talk))
  while (state.challenge) state = await takeAnswer(talk, state)
  return finish(talk, state)
}

function talkOf(
  { pending, clock, terminal, installation, settings, http }: SignInContext,
  answers: Answers,
): Talk {
  const { oauthUrl } = settings.blink
  return {
    ...{ pending, clock, terminal, answers },
    signIn: createSignIn({ http, oauthUrl, hardwareId: installation.hardwareId, clock }),
    // Another code takes the same two again, and nobody likes to type them twice.
    email: askedOnce(() => answers.email()),
    password: askedOnce(() => answers.password()),
  }
}

/** The sign-in that waits for its code, if it is this person's and still good. */
async function resume(
  talk: Talk,
  before: PendingLogin | undefined,
  { anotherCode }: Wish,
): Promise<AwaitsCode | undefined> {
  if (before?.step !== 'code' || before.sentAt + codeLifeMs <= talk.clock.now()) return undefined
  const { givenEmail } = talk.answers
  if (givenEmail !== undefined && hashOf(givenEmail) !== before.emailHash) return undefined
  if (anotherCode) return isTooSoon(talk, before) ? refuseUntil(resendAt(before)) : undefined
  tellWhereSent(talk, before)
  return before
}

/** From e-mail address and password to the wish for a code, which has been sent then. */
async function begin(talk: Talk): Promise<AwaitsCode> {
  const email = await talk.email()
  const emailHash = hashOf(email)
  await refuseWhileLocked(talk, emailHash)
  const password = await talk.password()
  const begun = await notingLocks(talk, emailHash, () =>
    talk.signIn.begin({ email, password }, talk.terminal.stop),
  )
  const state = await reached(talk, { step: 'code', emailHash, ...begun })
  tellWhereSent(talk, state)
  return state
}

/** One answer to the question for the code, and where it leads. */
async function takeAnswer(talk: Talk, state: AwaitsCode): Promise<AwaitsCode> {
  const { answers, terminal } = talk
  if (!answers.hasCode) throw new CodeWanted(state)
  const typed = await answers.code('Code (or `new` for another one): ')
  if (!answers.interactive) return enter(talk, state, typed)
  if (/^new$/i.test(typed)) return sendAnother(talk, state)
  try {
    return await enter(talk, state, typed)
  } catch (error) {
    if (!(error instanceof SignInRefused) || error.code !== 'wrong_code') throw error
    terminal.err(`${error.message.replace('sign-in: ', 'No: ')}.\n${error.remedy ?? ''}\n`)
    return state
  }
}

/** The person asks for another code, which takes the whole way from the beginning. */
async function sendAnother(talk: Talk, state: AwaitsCode): Promise<AwaitsCode> {
  if (!isTooSoon(talk, state)) return begin(talk)
  talk.terminal.err(`Not before ${timeOf(resendAt(state))}. The one sent is still good.\n`)
  return state
}

/** Shows a code to the cloud; what cannot be one is not shown, since each wrong one counts. */
async function enter(talk: Talk, state: AwaitsCode, typed: string): Promise<AwaitsCode> {
  const code = typed.replaceAll(/[\s-]/g, '')
  if (!/^\w{4,12}$/.test(code)) throw new SignInRefused('wrong_code')
  const entered = await forgettingDeadEnds(talk, () =>
    notingLocks(talk, state.emailHash, () =>
      talk.signIn.enterCode(state, new Secret(code), talk.terminal.stop),
    ),
  )
  return reached(talk, { ...state, ...entered })
}

/** From the right code to a login, which is on disk before it is tried. */
async function finish(talk: Talk, state: AwaitsCode): Promise<SignedIn> {
  const { signIn, pending, clock, terminal } = talk
  const tokens = await forgettingDeadEnds(talk, async () => {
    const given = await signIn.finish(state, terminal.stop)
    return { ...given, refreshToken: given.refreshToken ?? notGiven() }
  })
  const login: Credentials = {
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
  await pending.save({ step: 'keep', login })
  return { login, tokens }
}

async function reached({ pending }: Talk, state: AwaitsCode): Promise<AwaitsCode> {
  await pending.save(state)
  return state
}

async function refuseWhileLocked({ pending, clock }: Talk, emailHash: string): Promise<void> {
  const before = await pending.read()
  const isLocked = before?.step === 'locked' && before.emailHash === emailHash && before.until > clock.now()
  if (isLocked) throw new SignInRefused('too_many_codes', { retryAt: before.until })
}

/** Remembers a lock of the account: asking within the hour would lengthen it. */
async function notingLocks<T>({ pending }: Talk, emailHash: string, work: () => Promise<T>): Promise<T> {
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
async function forgettingDeadEnds<T>({ pending }: Talk, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const ends = ['code_expired', 'cookies_lost', 'not_accepted']
    if (error instanceof SignInRefused && ends.includes(error.code)) await pending.remove()
    throw error
  }
}

function notGiven(): never {
  throw new SignInRefused('not_accepted')
}

function tellWhereSent({ terminal }: Talk, state: AwaitsCode): void {
  if (state.challenge) terminal.err(`${whereSent(state)}\n`)
}

function isTooSoon({ clock }: Talk, state: AwaitsCode): boolean {
  return clock.now() < resendAt(state)
}

function refuseUntil(retryAt: number): never {
  throw new SignInRefused('too_quick', { retryAt })
}

function hashOf(email: string): string {
  return createHash('sha256').update(email.trim().toLowerCase()).digest('hex')
}

function askedOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => (asked ??= ask())
}
