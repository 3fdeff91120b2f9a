/**
 * The cookies of one host for the length of one sign-in. Pure values: a jar in, a jar out.
 *
 * Only names and values are kept. There is one host, one path and one hour, so that of a cookie's attributes only
 * those that delete it have a say; shared jars with all of them have lost many a sign-in.
 *
 * @see fronzbot/blinkpy#1147
 */
import { Secret } from '../domain/secret.ts'

export type Cookies = ReadonlyMap<string, Secret>

export const noCookies: ReadonlyMap<string, Secret> = new Map()

/** More than any page sets, and still a short header. */
const mostCookies = 50
const longestCookie = 4096

/** The jar after an answer with these `Set-Cookie` lines; a line that makes no sense is passed over. */
export function withCookies(cookies: Cookies, lines: readonly string[], now: number): Cookies {
  const next = new Map(cookies)
  for (const line of lines) {
    const [, name, value = '', attributes = ''] =
      /^\s*([!#$%&'*+.^`|~\w-]+)=([\x21-\x2b\x2d-\x3a\x3c-\x7e]*)\s*(;.*)?$/.exec(line) ?? []
    if (name === undefined || line.length > longestCookie) continue
    if (isDeleted(attributes, now)) next.delete(name)
    else if (next.has(name) || next.size < mostCookies) next.set(name, new Secret(value))
  }
  return next
}

/** `Max-Age` goes before `Expires`. @see RFC 6265, section 5.3 */
function isDeleted(attributes: string, now: number): boolean {
  const maxAge = /;\s*max-age=(-?\d+)/i.exec(attributes)?.[1]
  if (maxAge !== undefined) return Number(maxAge) <= 0
  const expires = /;\s*expires=([^;]+)/i.exec(attributes)?.[1]
  return expires !== undefined && Date.parse(expires) <= now
}

/** The `cookie` header, or none when there is no cookie. */
export function cookieHeader(cookies: Cookies): Readonly<Record<string, string>> {
  const pairs = [...cookies].map(([name, value]) => `${name}=${value.reveal()}`)
  return pairs.length === 0 ? {} : { cookie: pairs.join('; ') }
}
