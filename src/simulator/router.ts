/**
 * Finds what a request is for, and lets in only who may: the host, the bearer token, the account in the path.
 *
 * The regional hosts are simulated as first part of the path, `/rest-e008/...`. A region that is not the
 * account's answers like a wrong host; `prod` is the gateway that everybody may ask for their region. Without
 * such a part all accounts are served.
 */
import type { Answer, Request } from './answer.ts'
import { type AccountState, type Cloud, personOf } from './cloud.ts'
import { refuse, wrongHost } from './refusals.ts'

/** `account` and `gateway` need a good bearer token; `gateway` and `public` are served on `prod` as well. */
export type Access = 'oauth' | 'public' | 'gateway' | 'account'

export interface Route {
  readonly kind: string
  readonly method: string
  /** An expression; a name in braces stands for a number, `{a}` for the account's. */
  readonly pattern: string
  readonly access: Access
  readonly handle: (visit: Visit) => Answer
}

/** What a handler is told. `account` is there for the routes that need a bearer token. */
export interface Visit {
  readonly request: Request
  readonly account: AccountState
  /** A number out of the path. */
  number(name: string): number
}

export interface Found {
  readonly kind: string
  readonly accountId: number | undefined
  /** Does what was asked and says what to answer. */
  answer(): Answer
}

interface CompiledRoute extends Route {
  readonly expression: RegExp
}

// Stands in where nobody is signed in, so that no handler has to ask whether there is an account.
const nobody = (): AccountState => ({
  id: 0,
  region: '',
  clientId: '',
  person: personOf(0),
  networks: new Map(),
  modules: new Map(),
  cameras: new Map(),
})

export class Router {
  readonly #cloud: Cloud
  readonly #routes: readonly CompiledRoute[]

  constructor(cloud: Cloud, routes: readonly Route[]) {
    this.#cloud = cloud
    this.#routes = routes.map((route) => ({ ...route, expression: compile(route.pattern) }))
  }

  find(request: Request): Found {
    const { region, path } = splitRegion(request.path)
    const accountId = this.#cloud.tokens.accountOf(request.headers.authorization)
    const account = accountId === undefined ? undefined : this.#cloud.accounts.get(accountId)
    for (const route of this.#routes) {
      const match =
        route.method === request.method || route.method === '*' ? route.expression.exec(path) : null
      if (!match) continue
      const numbers = match.groups ?? {}
      return {
        kind: route.kind,
        accountId,
        answer: () =>
          this.#admit({ route, region, account, numbers }) ?? route.handle(visit(request, account, numbers)),
      }
    }
    return { kind: 'unknown', accountId, answer: () => refuse('notFound') }
  }

  /** The refusal for who may not come in; undefined for who may. */
  #admit(entry: Entry): Answer | undefined {
    const { route, region, account, numbers } = entry
    if (region !== undefined && !this.#isServed(route, region, account)) return wrongHost()
    if (route.access === 'oauth' || route.access === 'public') return undefined
    if (!account) return refuse('unauthorized')
    const { a: accountInPath } = numbers
    if (accountInPath !== undefined && Number(accountInPath) !== account.id) return refuse('unauthorized')
    return undefined
  }

  #isServed(route: Route, region: string, account: AccountState | undefined): boolean {
    if (route.access === 'oauth') return false
    if (region === 'prod') return route.access !== 'account'
    return account ? account.region === region : this.#cloud.hasRegion(region)
  }
}

interface Entry {
  readonly route: Route
  readonly region: string | undefined
  readonly account: AccountState | undefined
  readonly numbers: Readonly<Record<string, string>>
}

function visit(
  request: Request,
  account: AccountState | undefined,
  numbers: Readonly<Record<string, string>>,
): Visit {
  return { request, account: account ?? nobody(), number: (name) => Number(numbers[name]) }
}

function splitRegion(path: string): { readonly region: string | undefined; readonly path: string } {
  const match = /^\/rest-([^/]+)(\/.*)$/.exec(path)
  return match ? { region: match[1], path: match[2] ?? '/' } : { region: undefined, path }
}

function compile(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/\{(\w+)\}/g, '(?<$1>\\d+)')}$`)
}
