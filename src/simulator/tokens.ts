/**
 * The tokens of the simulated cloud: which account each one stands for, and until when.
 *
 * Whether a used refresh token really dies at once was never measured. It does here unless told otherwise,
 * because a client that survives that survives the other two cases.
 */
import type { SimulatorTime } from './time.ts'

/** `always`: a new refresh token each time, and the old one dies; `never`: the same again; `omit`: none. */
export type Rotation = 'always' | 'never' | 'omit'

export interface RefreshToken {
  readonly token: string
  readonly accountId: number
  readonly clientId: string
}

interface AccessToken {
  readonly accountId: number
  readonly expiresAt: number
}

export class Tokens {
  rotation: Rotation = 'always'
  readonly #time: SimulatorTime
  readonly #access = new Map<string, AccessToken>()
  readonly #refresh = new Map<string, RefreshToken>()
  readonly #newest = new Map<number, RefreshToken>()

  constructor(time: SimulatorTime) {
    this.#time = time
  }

  /** Gives an account a refresh token without taking back those it has: a new sign-in. */
  grant(accountId: number, clientId: string, token?: string): RefreshToken {
    const granted = { token: token ?? `sim-refresh-${this.#time.secret()}`, accountId, clientId }
    this.#refresh.set(granted.token, granted)
    this.#newest.set(accountId, granted)
    return granted
  }

  /** The newest refresh token of an account, alive or not. */
  newest(accountId: number): RefreshToken | undefined {
    return this.#newest.get(accountId)
  }

  findRefresh(token: string): RefreshToken | undefined {
    return this.#refresh.get(token)
  }

  /** Uses a refresh token up, as the rotation says, and returns the one to send, if any. */
  rotate(used: RefreshToken): RefreshToken | undefined {
    if (this.rotation === 'omit') return undefined
    if (this.rotation === 'never') return used
    this.#refresh.delete(used.token)
    return this.grant(used.accountId, used.clientId)
  }

  /** A new access token. Those before it stay good until they expire. */
  issueAccess(accountId: number, seconds: number): string {
    this.#forgetExpired()
    const token = `sim-access-${this.#time.secret()}`
    this.#access.set(token, { accountId, expiresAt: this.#time.now() + seconds * 1000 })
    return token
  }

  /** The account an Authorization header stands for; undefined when it is missing, unknown or expired. */
  accountOf(authorization: string | undefined): number | undefined {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
    const access = token === undefined ? undefined : this.#access.get(token)
    return access && access.expiresAt > this.#time.now() ? access.accountId : undefined
  }

  expireAccess(accountId?: number): void {
    for (const [token, access] of this.#access) {
      if (accountId === undefined || access.accountId === accountId) this.#access.delete(token)
    }
  }

  /** Withdraws every refresh token of an account. Access tokens live on until they expire. */
  revoke(accountId: number): void {
    for (const [token, refresh] of this.#refresh) {
      if (refresh.accountId === accountId) this.#refresh.delete(token)
    }
  }

  // Tokens stand in the order of issue and mostly share one life: the expired ones are at the front.
  #forgetExpired(): void {
    for (const [token, access] of this.#access) {
      if (access.expiresAt > this.#time.now()) return
      this.#access.delete(token)
    }
  }
}
