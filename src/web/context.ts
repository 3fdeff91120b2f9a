/** What a handler knows of a request beside the request itself. */
import type { Context, Hono } from 'hono'

/** How a request came, by the socket and by nothing that its sender wrote. */
export interface Arrival {
  /** Home Assistant has signed the person in on `ingress`; nobody has on `direct`. */
  readonly listener: 'direct' | 'ingress'
  /** The address at the other end of the connection. */
  readonly peer: string
}

export interface Visit {
  /** What forms carry, so that no other site can send them. */
  readonly formToken: string
  /** Whether the page's own password was given. */
  readonly isSignedIn: boolean
}

export interface WebEnv {
  Bindings: Arrival
  Variables: { visit: Visit }
}

export type WebApp = Hono<WebEnv>
export type WebContext = Context<WebEnv>
