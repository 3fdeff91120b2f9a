/**
 * The proxy for the cloud, from the variables that other programs read as well. Lower case goes first, as elsewhere.
 *
 * A URL may hold a password: nothing of what was given is repeated in a message, and only the host is shown.
 */
import type { Problem } from '../domain/errors.ts'
import { Secret } from '../domain/secret.ts'
import type { Environment } from './sources.ts'

export interface ProxySettings {
  readonly https: Secret | undefined
  readonly http: Secret | undefined
  readonly except: string
}

/** A variable as a person may see it. */
export interface ShownProxy {
  readonly name: string
  readonly value: string
  readonly origin: string
}

export interface ReadProxies {
  readonly proxies: ProxySettings
  readonly shown: readonly ShownProxy[]
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

interface Given {
  readonly variable: string
  readonly text: string
}

export function readProxies(env: Environment): ReadProxies {
  const problems: Problem[] = []
  const shown: ShownProxy[] = []
  const show = (name: string, value: string, { variable }: Given) => {
    shown.push({ name, value, origin: `environment ${variable}` })
  }
  const proxy = (name: 'HTTPS_PROXY' | 'HTTP_PROXY') => {
    const given = givenIn(env, name)
    if (!given) return undefined
    const url = proxyUrl(given.text)
    if (typeof url === 'string') {
      problems.push({ place: `environment ${given.variable}`, message: url })
      return undefined
    }
    show(name, shownUrl(url), given)
    return new Secret(url.href)
  }
  const [https, http] = [proxy('HTTPS_PROXY'), proxy('HTTP_PROXY')]
  const except = givenIn(env, 'NO_PROXY')
  if (except && (https ?? http)) show('NO_PROXY', except.text, except)
  const others = givenIn(env, 'ALL_PROXY')
  const isIgnored = others && !givenIn(env, 'HTTPS_PROXY')
  const warnings = isIgnored ? [`${others.variable} has no effect here: set HTTPS_PROXY for the cloud`] : []
  return { proxies: { https, http, except: except?.text ?? '' }, shown, problems, warnings }
}

function givenIn(env: Environment, name: string): Given | undefined {
  const variable = [name.toLowerCase(), name].find((each) => env[each]?.trim())
  const text = variable === undefined ? undefined : env[variable]?.trim()
  return variable === undefined || text === undefined ? undefined : { variable, text }
}

/** The proxy, or what is wrong with it, as the end of a sentence. */
function proxyUrl(text: string): URL | string {
  const wanted = 'a URL such as http://user:password@proxy.example:3128'
  const remedy = 'set to nothing for this program, it is not used'
  // Many write host and port alone.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  if (!url || url.hostname === '' || /[\s\\]/.test(text)) return `must be ${wanted}; ${remedy}`
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `must start with http:// or https://, other proxies are not understood; ${remedy}`
  if (url.pathname !== '/' || /[?#]/.test(whole))
    return `must be ${wanted}, its user name and password URL-encoded; ${remedy}`
  if (!isDecodable(url.username) || !isDecodable(url.password))
    return `holds a user name or password that is not URL-encoded; ${remedy}`
  return url
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function shownUrl({ protocol, host, username, password }: URL): string {
  return `${protocol}//${username || password ? '[secret]@' : ''}${host}`
}
