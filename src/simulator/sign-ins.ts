/**
 * The sign-ins under way at the simulated cloud: who has come how far, which code was sent, who is locked out.
 *
 * Known from clients: the steps, and that a sign-in sends a code. How long a code lives, how many may be asked
 * for and how many wrong ones are borne was never published; the numbers here are ours.
 */
import type { Cloud, Person } from './cloud.ts'

/** One browser that walks through the pages. A cookie is set at each of the first three. */
export interface SignIn {
  readonly cookies: Readonly<Record<'session' | 'hop' | 'page', string>>
  readonly csrf: string
  readonly challenge: string
  readonly redirectUri: string
  accountId: number | undefined
  /** The password was right, and the code, where one is wanted. */
  done: boolean
  codeSentAt: number | undefined
  wrongCodes: number
}

interface Grant {
  readonly accountId: number
  readonly challenge: string
  readonly redirectUri: string
}

/** Codes that are sent to a person within an hour before the account is locked. */
const MOST_CODES = 5
const MOST_WRONG_CODES = 5
const HOUR = 60 * 60 * 1000
const CODE_LIFE = 10 * 60 * 1000

export class SignIns {
  readonly #cloud: Cloud
  readonly #open = new Map<string, SignIn>()
  readonly #grants = new Map<string, Grant>()
  readonly #codesSentAt = new Map<number, readonly number[]>()
  readonly #lockedUntil = new Map<number, number>()
  readonly #wantCode = new Set<number>()

  constructor(cloud: Cloud) {
    this.#cloud = cloud
  }

  begin(challenge: string, redirectUri: string): SignIn {
    const secret = () => this.#cloud.time.secret()
    const signIn: SignIn = {
      cookies: { session: secret(), hop: secret(), page: secret() },
      csrf: `sim-csrf-${secret()}`,
      challenge,
      redirectUri,
      accountId: undefined,
      done: false,
      codeSentAt: undefined,
      wrongCodes: 0,
    }
    this.#open.set(signIn.cookies.session, signIn)
    return signIn
  }

  /** The sign-in these cookies belong to, if those of the first so many pages are all there. */
  find(cookies: ReadonlyMap<string, string>, pages: 1 | 2 | 3): SignIn | undefined {
    const signIn = this.#open.get(cookies.get('sim_session') ?? '')
    if (!signIn) return undefined
    if (pages >= 2 && cookies.get('sim_hop') !== signIn.cookies.hop) return undefined
    return pages === 3 && cookies.get('sim_page') !== signIn.cookies.page ? undefined : signIn
  }

  personOf(email: string): Person | undefined {
    return [...this.#cloud.accounts.values()].find(({ person }) => person.email === email.toLowerCase())
      ?.person
  }

  isLocked(accountId: number): boolean {
    return (this.#lockedUntil.get(accountId) ?? 0) > this.#cloud.time.now()
  }

  lock(accountId: number): void {
    this.#lockedUntil.set(accountId, this.#cloud.time.now() + HOUR)
  }

  /** Sends a code, unless it is one too many: then the account is locked. */
  sendCode(signIn: SignIn, accountId: number): boolean {
    const now = this.#cloud.time.now()
    const recent = (this.#codesSentAt.get(accountId) ?? []).filter((at) => at > now - HOUR)
    if (recent.length >= MOST_CODES) {
      this.lock(accountId)
      return false
    }
    this.#codesSentAt.set(accountId, [...recent, now])
    signIn.codeSentAt = now
    signIn.wrongCodes = 0
    return true
  }

  /** Whether the pause between two codes is over, in whatever browser the last one was asked for. */
  mayResend(accountId: number): boolean {
    const last = this.#codesSentAt.get(accountId)?.at(-1)
    return last === undefined || last + this.#pause(accountId) <= this.#cloud.time.now()
  }

  /** As if the pause between two codes were over. */
  forgetPause(accountId: number): void {
    const sent = this.#codesSentAt.get(accountId) ?? []
    this.#codesSentAt.set(
      accountId,
      sent.map((at) => at - this.#pause(accountId)),
    )
  }

  /** The pause between two codes, in milliseconds. */
  #pause(accountId: number): number {
    return this.#cloud.account(accountId).person.resendSeconds * 1000
  }

  /** How many codes were sent to an account in the last hour. */
  codesSent(accountId: number): number {
    const now = this.#cloud.time.now()
    return (this.#codesSentAt.get(accountId) ?? []).filter((at) => at > now - HOUR).length
  }

  /** From now on no token of the account is renewed before a person has signed in with a code. */
  wantCode(accountId: number): void {
    this.#wantCode.add(accountId)
  }

  /**
   * Whether a renewal is answered by the wish for a code. Has one sent each time, as the password grant did: what
   * the refresh grant does was never seen, and this is the worst.
   */
  wishesForCode(accountId: number): boolean {
    if (!this.#wantCode.has(accountId)) return false
    this.#codesSentAt.set(accountId, [...(this.#codesSentAt.get(accountId) ?? []), this.#cloud.time.now()])
    return true
  }

  checkCode(signIn: SignIn, code: string): 'right' | 'wrong' | 'locked' {
    const { accountId, codeSentAt } = signIn
    if (accountId === undefined || codeSentAt === undefined) return 'wrong'
    const alive = codeSentAt + CODE_LIFE > this.#cloud.time.now()
    if (alive && code === this.#cloud.account(accountId).person.code) {
      signIn.done = true
      return 'right'
    }
    signIn.wrongCodes += 1
    if (signIn.wrongCodes < MOST_WRONG_CODES) return 'wrong'
    this.lock(accountId)
    return 'locked'
  }

  /** The authorization code of a finished sign-in, good for one exchange; the sign-in is over with it. */
  authorize(signIn: SignIn): string | undefined {
    if (!signIn.done || signIn.accountId === undefined) return undefined
    const code = `sim-code-${this.#cloud.time.secret()}`
    const { accountId, challenge, redirectUri } = signIn
    this.#grants.set(code, { accountId, challenge, redirectUri })
    this.#open.delete(signIn.cookies.session)
    return code
  }

  /** What a code stands for; it is used up whatever comes of it. */
  redeem(code: string): Grant | undefined {
    const grant = this.#grants.get(code)
    this.#grants.delete(code)
    if (grant) this.#wantCode.delete(grant.accountId)
    return grant
  }
}
