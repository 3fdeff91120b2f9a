/**
 * Who is at the page: a cookie, the token of its forms, and the page's own password.
 *
 * A cookie that nobody has signed in with is remembered nowhere; its form token is computed from it. Those that were
 * signed in with are kept in memory, under a new id, since somebody else may have chosen the old one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { Clock } from '../domain/clock.ts'
import type { Secret } from '../domain/secret.ts'
import { type Bucket, take } from '../domain/token-bucket.ts'
import type { WebContext, WebEnv } from './context.ts'
import { isFromThisMachine, isHttps, prefixOf } from './guard.ts'

const sessionLifeMs = 30 * 24 * 60 * 60 * 1000
const mostSessions = 200
/** Five slips of a person, then one in half a minute. */
const attempts = { capacity: 5, perMinute: 2 }

export interface SessionNeeds {
  /** Without one, nobody has to sign in. */
  readonly password: Secret | undefined
  readonly origins: readonly string[]
  readonly installId: string
  readonly clock: Pick<Clock, 'elapsed' | 'randomBytes'>
}

export type Attempt = 'right' | 'wrong' | { readonly waitMs: number }

export interface Sessions {
  /** Gives every visitor a session, which most never use. */
  readonly visit: MiddlewareHandler<WebEnv>
  /** Whether this visitor may see the page. */
  isOpenTo(c: WebContext): boolean
  /** Tries a password that comes with a single request. */
  attempt(c: WebContext, typed: string): Attempt
  /** Tries a password; the right one opens the page to this visitor. */
  signIn(c: WebContext, typed: string): Attempt
  signOut(c: WebContext): void
}

export function createSessions({ password, origins, installId, clock }: SessionNeeds): Sessions {
  const key = clock.randomBytes(32)
  /** When each was used last, the oldest first. */
  const signedIn = new Map<string, number>()
  const buckets = new Map<'here' | 'elsewhere', Bucket>()
  // Cookies do not distinguish ports: two installations on a host must not sign each other out.
  const name = `blink-manifestd-${installId}`
  const wanted = password && digest(password.reveal())

  function newId(): string {
    return Buffer.from(clock.randomBytes(32)).toString('base64url')
  }

  function give(c: WebContext, id: string): void {
    const path = prefixOf(c) || '/'
    setCookie(c, name, id, { path, httpOnly: true, sameSite: 'Strict', secure: isHttps(c, origins) })
  }

  function idOf(c: WebContext): string | undefined {
    const id = getCookie(c, name)
    return id !== undefined && /^[\w-]{43}$/.test(id) ? id : undefined
  }

  function isSignedIn(id: string): boolean {
    const usedAt = signedIn.get(id)
    if (usedAt === undefined) return false
    signedIn.delete(id)
    const now = clock.elapsed()
    if (now - usedAt > sessionLifeMs) return false
    signedIn.set(id, now)
    return true
  }

  function attempt(c: WebContext, typed: string): Attempt {
    // Whoever guesses from elsewhere must not keep out who sits at the machine.
    const place = isFromThisMachine(c) ? 'here' : 'elsewhere'
    const { bucket, waitMs } = take(buckets.get(place), 1, { size: attempts, now: clock.elapsed() })
    if (waitMs > 0) return { waitMs }
    // The right one costs nothing and gives nothing back: a program that asks often would free guesses for others.
    if (wanted !== undefined && timingSafeEqual(digest(typed), wanted)) return 'right'
    buckets.set(place, bucket)
    return 'wrong'
  }

  return {
    async visit(c, next) {
      const known = idOf(c)
      const id = known ?? newId()
      const formToken = createHmac('sha256', key).update(id).digest('base64url')
      c.set('visit', { formToken, isSignedIn: isSignedIn(id) })
      if (known === undefined && c.req.method === 'GET') give(c, id)
      await next()
    },

    isOpenTo: (c) => wanted === undefined || c.env.listener === 'ingress' || c.get('visit').isSignedIn,

    attempt,

    signIn(c, typed) {
      const result = attempt(c, typed)
      if (result !== 'right') return result
      const before = idOf(c)
      if (before !== undefined) signedIn.delete(before)
      const id = newId()
      signedIn.set(id, clock.elapsed())
      for (const oldest of signedIn.keys()) if (signedIn.size > mostSessions) signedIn.delete(oldest)
      give(c, id)
      return 'right'
    },

    signOut(c) {
      const id = idOf(c)
      if (id !== undefined) signedIn.delete(id)
      give(c, newId())
    },
  }
}

/** Of one length, so that a comparison takes the same time however much of a guess is right. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
