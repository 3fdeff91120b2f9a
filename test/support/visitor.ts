/**
 * A client of the simulator for its own tests, with a time that only moves when told to.
 *
 * It is as simple as curl: what the daemon would make of an answer is tested elsewhere.
 */
import { readFileSync } from 'node:fs'
import type { Simulator, SimulatorOptions } from '../../src/simulator/simulator.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import type { SimulatorTime } from '../../src/simulator/time.ts'

export const MODULE = '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage'

export class FakeTime implements SimulatorTime {
  #now = Date.UTC(2026, 10, 23, 9, 12, 44)
  #secrets = 0
  #waiting: { readonly until: number; readonly wake: () => void }[] = []
  nextChance = 0

  now(): number {
    return this.#now
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.push({ until: this.#now + ms, wake })
      signal.addEventListener('abort', () => wake())
    })
  }

  chance(): number {
    return this.nextChance
  }

  secret(): string {
    this.#secrets += 1
    return `secret-${this.#secrets}`
  }

  advance(ms: number): void {
    this.#now += ms
    for (const { wake } of this.#waiting.filter(({ until }) => until <= this.#now)) wake()
    this.#waiting = this.#waiting.filter(({ until }) => until > this.#now)
  }

  get waiting(): number {
    return this.#waiting.length
  }
}

export interface Reply {
  readonly status: number
  readonly type: string | null
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

export interface Visit extends AsyncDisposable {
  readonly simulator: Simulator
  readonly time: FakeTime
  get(path: string): Promise<Reply>
  post(path: string): Promise<Reply>
  send(method: string, path: string, body?: string): Promise<Reply>
  /** Sends a form to the token endpoint, filled in as the app would unless told otherwise. */
  token(form?: Readonly<Record<string, string>>, headers?: Readonly<Record<string, string>>): Promise<Reply>
}

/** A simulator and somebody who is signed in to its first account. */
export async function visit(options: SimulatorOptions = {}): Promise<Visit> {
  const time = new FakeTime()
  const simulator = await startSimulator({ time, ...options })
  const token: Visit['token'] = async (form = {}, headers = {}) => {
    const refresh_token = tokenFields(simulator).get('refresh_token') ?? ''
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token,
      client_id: 'ios',
      ...form,
    })
    return reply(await fetch(`${simulator.oauthUrl}/oauth/token`, { method: 'POST', body, headers }))
  }
  const signedIn = await token()
  const authorization = `Bearer ${field(signedIn.json, 'access_token')}`
  const send: Visit['send'] = async (method, path, body) =>
    reply(
      await fetch(simulator.url + path, {
        method,
        headers: { authorization },
        ...(body !== undefined && { body }),
      }),
    )
  return {
    simulator,
    time,
    token,
    send,
    get: (path) => send('GET', path),
    post: (path) => send('POST', path),
    [Symbol.asyncDispose]: () => simulator.close(),
  }
}

export function tokenFields(simulator: Simulator, accountId?: number): Map<string, string> {
  const parts = simulator.tokens(accountId).split('|')
  return new Map(parts.map((part) => [part.replace(/=.*/, ''), decodeURIComponent(part.replace(/.*?=/, ''))]))
}

export async function reply(response: Response): Promise<Reply> {
  const text = await response.text()
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    text,
    json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined,
  }
}

/** One field out of an answer, wherever it may be nested: `sync_modules.0.name`. */
export function field(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (isFields(at) ? at[key] : undefined), value)
}

export interface Sample {
  readonly status: number | null
  readonly body: unknown
}

/** An answer of the real cloud, as it was published. */
export function sample(name: string): Sample {
  return JSON.parse(readFileSync(new URL(`../fixtures/cloud/${name}.json`, import.meta.url), 'utf8'))
}

/**
 * Where an answer differs in shape from a published one: fields that are missing or of another type.
 * More fields than published are no difference; null fits everything; of lists the first elements count.
 */
export function differences(answer: unknown, published: unknown, at = ''): readonly string[] {
  if (published === null || answer === null) return []
  if (Array.isArray(published) && Array.isArray(answer)) {
    if (published.length === 0) return []
    return answer.length === 0 ? [`${at} is empty`] : differences(answer[0], published[0], `${at}[0]`)
  }
  if (isFields(published) && isFields(answer)) {
    return Object.entries(published).flatMap(([key, value]) =>
      key in answer ? differences(answer[key], value, `${at}.${key}`) : [`${at}.${key} is missing`],
    )
  }
  return typeof answer === typeof published ? [] : [`${at} is ${typeof answer}, not ${typeof published}`]
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
