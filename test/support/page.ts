/** The page over fakes, without a socket: what a browser with its cookies gets from it. */
import { onTestFinished } from 'vitest'
import type { CommandHandler } from '../../src/commands/handler.ts'
import type { ShownSetting } from '../../src/config/settings.ts'
import type { Attempt } from '../../src/domain/attempt.ts'
import type { Command } from '../../src/domain/commands.ts'
import type { Diagnostics, TailLine } from '../../src/domain/diagnostics.ts'
import type { AccountSnapshot, Health, ModuleSnapshot } from '../../src/domain/model.ts'
import { keyOf } from '../../src/domain/model.ts'
import type { Storage } from '../../src/domain/ports.ts'
import type { Arrival } from '../../src/web/context.ts'
import { type Listener, openListener } from '../../src/web/listeners.ts'
import type { Metrics } from '../../src/web/metrics.ts'
import { createWeb, type WebNeeds } from '../../src/web/web.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { load } from './place.ts'
import { readableLog, start, temporaryDirectory } from './samples.ts'

export interface PageOptions {
  /** Settings by their variables, for instance `WEB_PASSWORD`. */
  readonly env?: Readonly<Record<string, string>>
  readonly modules?: readonly ModuleSnapshot[]
  readonly accounts?: readonly AccountSnapshot[]
  readonly health?: Partial<Health>
  /** Of the account's request budget. */
  readonly spent?: { readonly spent: number; readonly limit: number }
  readonly attempts?: readonly Attempt[]
  readonly lines?: readonly TailLine[]
  readonly bundle?: Diagnostics['bundle']
  readonly handle?: CommandHandler
  readonly storage?: Partial<Storage>
  /** The settings as the page shows them, in place of the real ones. */
  readonly shown?: readonly ShownSetting[]
  readonly needs?: Partial<WebNeeds>
  readonly metrics?: Metrics
  readonly clock?: FakeClock
}

export interface Visited {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** One browser, which keeps its cookies and names its host and origin as browsers do. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Visited>
  /** Sends a form with the token of the last page, and follows where the answer leads. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Visited>
  /** A request exactly as it is given, with the cookies. */
  send(path: string, init: RequestInit): Promise<Response>
  readonly cookies: Map<string, string>
}

export interface OpenedPage extends Visitor {
  readonly clock: FakeClock
  readonly web: ReturnType<typeof createWeb>
  /** The commands that were given. */
  readonly commands: readonly Command[]
  readonly log: ReturnType<typeof readableLog>
  visitor(arrival?: Partial<Arrival>, host?: string): Visitor
}

const neverOpen = {
  ...{ pause: undefined, isOpen: false },
  ...{ close: async () => undefined, adopt: async () => undefined },
}

export const anAccount: AccountSnapshot = {
  accountId: '8021',
  status: 'ok',
  since: start,
  detail: undefined,
  retryAt: undefined,
}

export function openPage(options: PageOptions = {}): OpenedPage {
  const { env, modules = [], accounts = [anAccount], spent, needs } = options
  const { clock = fakeClock(), bundle = async () => ({ name: 'bundle.json', text: '{}' }) } = options
  const log = readableLog()
  const commands: Command[] = []
  const { settings, shown } = load({ env: { BLINK_MANIFESTD_DATA_DIR: temporaryDirectory(), ...env } })
  const health: Health = {
    version: '1.2.3',
    uptimeMs: 60_000,
    nextRunAt: start + 300_000,
    broker: { connected: true, protocol: 5, since: start, lastError: undefined, reconnects: 0 },
    accounts,
    store: { state: 'ok', detail: undefined },
    modules: modules.length,
    waiting: 0,
    ...options.health,
  }
  const storage: Partial<Storage> = {
    installation: { installId: '1a2b3c4d', hardwareId: '00000000-0000-4000-8000-000000000000' },
    ...options.storage,
  }
  const web = createWeb(
    {
      limits: () => (spent ? [{ accountId: '8021', breaker: neverOpen, budget: spent }] : []),
      loaded: { settings, shown: options.shown ?? shown },
      version: '1.2.3',
      clock,
      log,
      diagnostics: { logTail: { lines: () => options.lines ?? [] }, bundle },
      fail: (error) => {
        throw error
      },
      status: {
        accounts: async () => accounts,
        account: async (id) => accounts.find(({ accountId }) => accountId === id),
        moduleKeys: async () => modules.map(({ record }) => record.module),
        camera: async () => undefined,
        module: async (key) => modules.find(({ record }) => keyOf(record.module) === keyOf(key)),
        nextRuns: () => [start + 300_000, start + 600_000],
        isComplete: async () => true,
        health: async () => health,
      },
      async handle(command) {
        commands.push(command)
        return options.handle
          ? options.handle(command)
          : { error: { code: 'unexpected', message: 'the test foresees no command' } }
      },
      storage: {
        attempts: { of: async () => options.attempts ?? [], record: async () => undefined },
        ledger: { count: async () => modules.length },
        credentials: {
          list: async () => [{ key: 'login-1', accountId: '8021' }],
          changedAt: async () => start,
        },
        ...storage,
      } as unknown as Storage,
      ...needs,
    },
    options.metrics,
  )

  function visitor(arrival: Partial<Arrival> = {}, host = '127.0.0.1:8090'): Visitor {
    const bindings = { listener: 'direct', peer: '127.0.0.1', ...arrival }
    return visitorAt(`http://${host}`, async (url, init) => web.app.request(url, init, bindings))
  }

  return { ...visitor(), clock, web, commands, log, visitor }
}

/** A browser without scripts at a page: this one's, or by `fetch` that of a program. */
export function visitorAt(
  origin: string,
  request: (url: string, init: RequestInit) => Promise<Response> = fetch,
): Visitor {
  const cookies = new Map<string, string>()
  let token = ''

  async function send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    if (!headers.has('host')) headers.set('host', new URL(origin).host)
    if (cookies.size > 0) headers.set('cookie', [...cookies].map((pair) => pair.join('=')).join('; '))
    const answer = await request(`${origin}${path}`, { ...init, headers, redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return answer
  }

  async function read(answer: Response): Promise<Visited> {
    const text = await answer.text()
    token = /name="form_token" value="([^"]+)"/.exec(text)?.[1] ?? token
    return { status: answer.status, headers: answer.headers, text }
  }

  const get: Visitor['get'] = async (path, headers = {}) =>
    read(await send(path, { headers: { accept: 'text/html', ...headers } }))

  return {
    cookies,
    send,
    get,
    async post(path, fields = {}, headers = {}) {
      const answer = await send(path, {
        method: 'POST',
        body: new URLSearchParams({ form_token: token, ...fields }),
        headers: { accept: 'text/html', origin, ...headers },
      })
      const location = answer.headers.get('location')
      if (location === null) return read(answer)
      const next = new URL(location, `${origin}${path}`)
      return get(next.pathname + next.search)
    },
  }
}

/** The page behind a real socket, where the server's own kind of request is at work. */
export async function servedPage(): Promise<{ readonly opened: OpenedPage; readonly listener: Listener }> {
  const opened = openPage()
  const { web, log } = opened
  onTestFinished(() => web.stop())
  const listener = await openListener({
    kind: 'direct',
    place: { host: '127.0.0.1', port: 0 },
    answer: (request, arrival) => web.app.fetch(request, arrival),
    log,
  })
  onTestFinished(() => listener.close())
  return { opened, listener }
}
