/**
 * One account's access token: renewed once for all callers, and never used before its successor is on disk.
 *
 * Refresh tokens are taken to be good for one use. So there is one refresh at a time, it is not aborted
 * when callers are, and the rotated token is saved before anybody gets the new access token:
 * a crash in between would cost a person a sign-in with a code by phone. A refused refresh token is
 * remembered and not tried again; nothing here ever signs in with a password. Access tokens stay in memory.
 */
import { type Clock, unlessAborted } from '../domain/clock.ts'
import { LoginNeeded, TwoFactorNeeded } from '../domain/errors.ts'
import type { BlinkId, Credentials } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import { leastPauseMs } from '../domain/retry-policy.ts'
import type { Secret } from '../domain/secret.ts'
import { appUserAgent } from './api.ts'
import type { Http } from './http.ts'
import { classify } from './response.ts'
import { readTokens } from './wire.ts'

export interface SessionNeeds {
  readonly credentials: Credentials
  /** An access token that came with the credentials. */
  readonly access?: Access | undefined
  /** The installation's own, for credentials that came without. */
  readonly hardwareId: string
  readonly oauthUrl: string
  readonly http: Http
  readonly clock: Clock
  readonly log: Log
  /** Keeps changed credentials; resolves when it is on disk. Called once at a time, in the order of the changes. */
  readonly save: (credentials: Credentials) => Promise<void>
}

export interface Access {
  readonly accessToken: Secret
  readonly lifeMs: number
}

export interface Session {
  /** The credentials as they are now: with the newest refresh token, and with what was learned since. */
  readonly credentials: Credentials
  /** The credentials as they were last known to be on disk: older, while the disk is slow or takes nothing. */
  readonly kept: Credentials
  /** The access token that is good now, for another session of the same credentials. */
  readonly access: Access | undefined
  /**
   * An access token that is good for a while.
   *
   * @throws LoginNeeded when a person must sign in; then, and ever after, without a request
   * @throws AccountThrottled, CloudRefused, CloudUnreachable, CloudChanged when it cannot be renewed now
   * @throws StoreFailed when the rotated refresh token could not be kept; it is tried again at the next call
   * @throws the signal's reason when aborted; the refresh goes on for the others
   */
  accessToken(signal: AbortSignal): Promise<Secret>
  /**
   * Called when the cloud rejects this token. Returns whether to retry with a new one: not when it replaced a refused
   * one in the last minute and was never accepted, for it would be renewed for each module.
   */
  tokenRefused(token: Secret): boolean
  /** Called when the cloud accepts this token. */
  tokenAccepted(token: Secret): void
  /** Keeps what the cloud says of the account. */
  learn(facts: { readonly accountId: BlinkId; readonly region: string }): Promise<void>
  /** Resolves when no refresh is under way and everything is on disk: what to wait for before stopping. */
  settled(): Promise<void>
}

export function createSession(needs: SessionNeeds): Session {
  return new TokenSession(needs)
}

interface UsableAccess {
  readonly token: Secret
  /** On both clocks: the wall clock may be set, and the other stands still while a computer sleeps. */
  readonly goodUntil: { readonly now: number; readonly elapsed: number }
}

const longestMarginMs = 5 * 60 * 1000
const betweenRefusalsMs = 60_000

class TokenSession implements Session {
  readonly #needs: SessionNeeds
  #credentials: Credentials
  #kept: Credentials
  #access: UsableAccess | undefined
  /** When the one before the access token was refused, by the clock's elapsed milliseconds; until this is accepted. */
  #refusedAt = Number.NEGATIVE_INFINITY
  /** Renewed, but its refresh token is not on disk yet. */
  #unsaved: UsableAccess | undefined
  #refresh: Promise<Secret> | undefined
  /** The last answer, where it was none; `at` by the clock's elapsed milliseconds. */
  #failed: { readonly error: unknown; readonly at: number } | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(needs: SessionNeeds) {
    this.#needs = needs
    this.#credentials = needs.credentials
    this.#kept = needs.credentials
    if (needs.access) this.#access = this.#accessFor(needs.access)
  }

  get credentials(): Credentials {
    return this.#credentials
  }

  get kept(): Credentials {
    return this.#kept
  }

  get access(): Access | undefined {
    if (!this.#isGood(this.#access)) return undefined
    const { token, goodUntil } = this.#access
    const { clock } = this.#needs
    const lifeMs = Math.min(goodUntil.now - clock.now(), goodUntil.elapsed - clock.elapsed())
    return { accessToken: token, lifeMs }
  }

  async accessToken(signal: AbortSignal): Promise<Secret> {
    signal.throwIfAborted()
    if (this.#isGood(this.#access)) return this.#access.token
    this.#refresh ??= this.#renew().finally(() => {
      this.#refresh = undefined
    })
    return unlessAborted(this.#refresh, signal)
  }

  tokenRefused(token: Secret): boolean {
    // Replaced already: then nobody has lost anything by it.
    if (this.#access?.token !== token) return true
    const { clock } = this.#needs
    if (clock.elapsed() - this.#refusedAt < betweenRefusalsMs) return false
    this.#refusedAt = clock.elapsed()
    this.#access = undefined
    return true
  }

  tokenAccepted(token: Secret): void {
    if (this.#access?.token === token) this.#refusedAt = Number.NEGATIVE_INFINITY
  }

  async learn(facts: { readonly accountId: BlinkId; readonly region: string }): Promise<void> {
    const { accountId, region } = this.#credentials
    if (accountId !== facts.accountId || region !== facts.region) await this.#keep(facts)
  }

  async settled(): Promise<void> {
    await this.#refresh?.catch(() => undefined)
    await this.#saving
  }

  async #renew(): Promise<Secret> {
    if (this.#credentials.refusedAt !== undefined) throw refusedBefore(this.#credentials)
    const renewed = this.#isGood(this.#unsaved) ? this.#unsaved : await this.#renewAtMostOnce()
    if (this.#unsaved) await this.#keep({})
    this.#unsaved = undefined
    this.#access = renewed
    return renewed.token
  }

  /** Each module of a run needs a token; what has just failed is not requested again for each of them. */
  async #renewAtMostOnce(): Promise<UsableAccess> {
    const { clock } = this.#needs
    if (this.#failed && clock.elapsed() - this.#failed.at < leastPauseMs) throw this.#failed.error
    try {
      return await this.#requestTokens()
    } catch (error) {
      this.#failed = { error, at: clock.elapsed() }
      throw error
    }
  }

  /** Requests a new token and takes over the rotated one, in memory. */
  async #requestTokens(): Promise<UsableAccess> {
    const { clock, log } = this.#needs
    const since = { now: clock.now(), elapsed: clock.elapsed() }
    const { accessToken, refreshToken, lifeMs } = readTokens(await this.#post())
    const access = this.#accessFor({ accessToken, lifeMs }, since)
    if (refreshToken !== undefined && refreshToken.reveal() !== this.#credentials.refreshToken.reveal()) {
      this.#credentials = { ...this.#credentials, refreshToken, refreshedAt: since.now }
      this.#unsaved = access
    }
    log.debug({ account_id: this.#credentials.accountId, life_ms: lifeMs }, 'access token renewed')
    return access
  }

  #accessFor(
    { accessToken, lifeMs }: Access,
    since = { now: this.#needs.clock.now(), elapsed: this.#needs.clock.elapsed() },
  ): UsableAccess {
    const usableMs = lifeMs - Math.min(longestMarginMs, lifeMs / 10)
    return { token: accessToken, goodUntil: { now: since.now + usableMs, elapsed: since.elapsed + usableMs } }
  }

  /** @see blinkpy e33bdef, blinkpy/api.py, oauth_refresh_token */
  async #post(): Promise<unknown> {
    const { http, oauthUrl, clock } = this.#needs
    const { refreshToken, clientId, hardwareId = this.#needs.hardwareId } = this.#credentials
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken.reveal(),
      client_id: clientId,
      scope: 'client',
      hardware_id: hardwareId,
    })
    const call = {
      kind: 'token',
      url: `${oauthUrl.replace(/\/+$/, '')}/oauth/token`,
      headers: {
        'user-agent': appUserAgent,
        'content-type': 'application/x-www-form-urlencoded',
        accept: '*/*',
      },
      body: form.toString(),
    } as const
    // Never aborted: the answer may hold the only good refresh token there is. The deadline still holds.
    const answer = await http.request(call, new AbortController().signal)
    try {
      return classify({ kind: 'token', ...answer, now: clock.now() })
    } catch (error) {
      if (error instanceof LoginNeeded) await this.#giveUp(error)
      throw error
    }
  }

  /** Remembers the refusal, over restarts as well: requests with a withdrawn token get accounts locked. */
  async #giveUp({ code }: LoginNeeded): Promise<void> {
    const { clock, log } = this.#needs
    try {
      await this.#keep({ refusedAt: clock.now(), refusedFor: code })
    } catch (error) {
      log.error(
        { account_id: this.#credentials.accountId, err: error },
        'cannot keep the refusal of credentials',
      )
    }
  }

  /** Changes the credentials and saves them, after what is being saved already. */
  async #keep(change: Partial<Credentials>): Promise<void> {
    const credentials = { ...this.#credentials, ...change }
    this.#credentials = credentials
    const saved = this.#saving.then(() => this.#needs.save(credentials))
    this.#saving = saved.catch(() => undefined)
    await saved
    this.#kept = credentials
  }

  #isGood(access: UsableAccess | undefined): access is UsableAccess {
    if (!access) return false
    const { clock } = this.#needs
    return clock.now() < access.goodUntil.now && clock.elapsed() < access.goodUntil.elapsed
  }
}

function refusedBefore({ refusedFor, unusable }: Credentials): LoginNeeded {
  if (unusable) return new LoginNeeded(unusable.message, { outcome: 'not-done', remedy: unusable.remedy })
  if (refusedFor === 'two_factor_required') {
    return new TwoFactorNeeded('token refresh: not tried, for the cloud wants a code first', {
      outcome: 'not-done',
      remedy: 'Sign in with `blink-manifestd login`.',
    })
  }
  return new LoginNeeded('token refresh: not tried, for the cloud has refused it before', {
    outcome: 'not-done',
    remedy: 'Sign in again with `blink-manifestd login`.',
  })
}
