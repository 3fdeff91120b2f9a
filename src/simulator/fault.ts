/**
 * What can be made to go wrong, as values: which requests are meant, and what becomes of them.
 *
 * A fault that answers in place of the cloud leaves the request undone; one that spoils the answer lets it be
 * done first, so that "nobody can say" can be told from "it did nothing". `done` turns that round.
 */
import type { SimulatorTime } from './time.ts'

/** Which requests a fault is meant for; all that is given must fit. */
export interface FaultTarget {
  readonly method?: string
  /** A part of the target as it was received, with region and query, or an expression it must match. */
  readonly path?: string | RegExp
  readonly accountId?: number
  /** How many requests are hit before the fault is over; until calm when absent. */
  readonly count?: number
  /** From 0 to 1; 1 when absent. */
  readonly probability?: number
  /** Whether the cloud does what was asked all the same; by default as the kind says. */
  readonly done?: boolean
}

export type Misbehaviour =
  /** Any answer: `text` goes out as it is (with the content type of JSON unless `headers` say otherwise). */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly body?: unknown
      readonly text?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** Refused at the edge, without JSON; 406 when no status is given. */
  | { readonly kind: 'edge'; readonly status?: 403 | 406 }
  | { readonly kind: 'busy' }
  /** A page for people where JSON belongs; 200 when no status is given. */
  | { readonly kind: 'html'; readonly status?: number }
  /** 200 and JSON of another shape: the body given, or an empty list. */
  | { readonly kind: 'wrong_type'; readonly body?: unknown; readonly text?: string }
  /** Done, but only half of the answer comes, and then the connection ends. */
  | { readonly kind: 'truncated' }
  /** The connection is reset and nothing was done. */
  | { readonly kind: 'reset_before' }
  /** Done, and the connection is reset instead of an answer. */
  | { readonly kind: 'reset_after' }
  /** The same for renewed tokens only: the old refresh token is dead and the new one never arrived. */
  | { readonly kind: 'lose_answer_of_refresh' }
  /** No answer ever; nothing done. */
  | { readonly kind: 'hang' }
  /** Done, and the answer's body comes a byte at a time; every 100 ms when not given. */
  | { readonly kind: 'drip'; readonly everyMs?: number }
  /** Done, and the answer comes late. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** A body of so many megabytes of JSON; 64 when not given. */
  | { readonly kind: 'huge'; readonly megabytes?: number }
  /** A small compressed body that unpacks to so many megabytes; 512 when not given. */
  | { readonly kind: 'gzip_bomb'; readonly megabytes?: number }
  /** To the URL given; 302 when no status is given. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }
  /** To the very same URL. */
  | { readonly kind: 'redirect_loop' }
  /** Something that is no HTTP at all. */
  | { readonly kind: 'garbage_http' }

export type Fault = FaultTarget & Misbehaviour

export type FaultKind = Misbehaviour['kind']

/** Every kind, and whether the request is done by default. */
export const doneByDefault: Readonly<Record<FaultKind, boolean>> = {
  status: false,
  edge: false,
  busy: false,
  html: false,
  wrong_type: false,
  truncated: true,
  reset_before: false,
  reset_after: true,
  lose_answer_of_refresh: true,
  hang: false,
  drip: true,
  slow: true,
  huge: false,
  gzip_bomb: false,
  redirect: false,
  redirect_loop: false,
  garbage_http: false,
}

export interface Meant {
  readonly method: string
  readonly target: string
  readonly kind: string
  readonly accountId: number | undefined
}

interface Running {
  readonly fault: Fault
  left: number
}

/** The faults switched on, in the order in which they were; the first that fits is used. */
export class Faults {
  readonly #time: SimulatorTime
  #running: Running[] = []

  constructor(time: SimulatorTime) {
    this.#time = time
  }

  switchOn(fault: Fault): void {
    this.#running.push({ fault, left: fault.count ?? Number.POSITIVE_INFINITY })
  }

  calm(): void {
    this.#running = []
  }

  get on(): readonly Fault[] {
    return this.#running.map(({ fault }) => fault)
  }

  /** The fault for this request, which is then used up by one; undefined when it goes well. */
  pick(meant: Meant): Fault | undefined {
    const hit = this.#running.find(({ fault }) => isMeant(fault, meant) && this.#strikes(fault))
    if (!hit) return undefined
    hit.left -= 1
    if (hit.left <= 0) this.#running = this.#running.filter((running) => running !== hit)
    return hit.fault
  }

  #strikes(fault: Fault): boolean {
    return fault.probability === undefined || this.#time.chance() < fault.probability
  }
}

function isMeant(fault: Fault, meant: Meant): boolean {
  if (fault.kind === 'lose_answer_of_refresh' && meant.kind !== 'token') return false
  if (fault.method !== undefined && fault.method.toUpperCase() !== meant.method) return false
  if (fault.accountId !== undefined && fault.accountId !== meant.accountId) return false
  if (fault.path === undefined) return true
  return typeof fault.path === 'string'
    ? meant.target.includes(fault.path)
    : meant.target.search(fault.path) >= 0
}
