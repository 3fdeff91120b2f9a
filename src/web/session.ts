/**
 * Who is at the page: a cookie, the token of its forms, and the page's own password.
 *
 * A cookie that nobody has signed in with is remembered nowhere; its form token is computed from it. Those that were
 * signed in with are kept under a new id, since somebody else may have chosen the old one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { Clock } from '../domain/clock.ts'
import type { WebSessions } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import { type Bucket, take } from '../domain/token-bucket.ts'
import type { WebContext, WebEnv } from './context.ts'
import { isFromThisMachine, isHttps, prefixOf } from './guard.ts'

/** Five slips of a person, then one in half a minute. */
const attempts = { capacity: 5, perMinute: 2 }

export interface SessionNeeds {
  /** Without one, nobody has to sign in. */
  readonly password: Secret | undefined
  readonly origins: readonly string[]
  readonly installId: string
  /** Who has signed in. */
  readonly store: WebSessions
  /** Makes the tokens of forms; the same at every instance that shares the store. */
  readonly formKey: Uint8Array
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
  signIn(c: WebContext, typed: string): Promise<Attempt>
  signOut(c: WebContext): Promise<void>
}

export function createSessions(needs: SessionNeeds): Sessions {
  const { password, origins, installId, store, formKey, clock } = needs
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
      const formToken = createHmac('sha256', formKey).update(id).digest('base64url')
      const isSignedIn = wanted !== undefined && known !== undefined && (await store.use(known))
      c.set('visit', { formToken, isSignedIn })
      if (known === undefined && c.req.method === 'GET') give(c, id)
      await next()
    },

    isOpenTo: (c) => wanted === undefined || c.env.listener === 'ingress' || c.get('visit').isSignedIn,

    attempt,

    async signIn(c, typed) {
      const result = attempt(c, typed)
      if (result !== 'right') return result
      const before = idOf(c)
      if (before !== undefined) await store.close(before)
      const id = newId()
      await store.open(id)
      give(c, id)
      return 'right'
    },

    async signOut(c) {
      const id = idOf(c)
      if (id !== undefined) await store.close(id)
      give(c, newId())
    },
  }
}

/** Of one length, so that a comparison takes the same time however much of a guess is right. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
