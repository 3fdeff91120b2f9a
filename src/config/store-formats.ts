/** What the settings of a shared store may be. Nothing of a URL or a key is ever repeated in a message. */
import { asText, BadValue, plainText, quote, register } from './formats.ts'

/** As libpq names them, without those that go on unencrypted by themselves. */
const sslModes = ['disable', 'require', 'verify-ca', 'verify-full']

/** A password with a slash or a hash in it ends the host early, and would be a name in messages. */
const example =
  'postgres://user:password@host:5432/database, where @ : / # ? % in a password are written as %40 …'

export const storeUrl = register('PostgreSQL URL', (value) => {
  const text = asText(value, 'a URL')
  const url = /^postgres(ql)?:\/\/[^\s\\]+$/.test(text) && text.isWellFormed() ? URL.parse(text) : null
  if (url?.hash !== '' || !areEscaped(url) || !/^\/[^/@]+$/.test(url.pathname)) {
    throw new BadValue(`must be a URL such as ${example}`)
  }
  if (url.hostname === '' && !url.searchParams.has('host')) throw new BadValue('must name a host')
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && !sslModes.includes(mode)) {
    throw new BadValue(`must have an sslmode that is one of ${sslModes.join(', ')}`)
  }
  return text
})

function areEscaped({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}

const keyBytes = 32

export const storeKey = register('32 bytes in base64', (value) => {
  const wanted = `${keyBytes} bytes in base64, as \`blink-manifestd store key\` prints them`
  const text = asText(value, wanted)
  const bytes = Buffer.from(text, 'base64')
  // Node leaves out what is not base64, and what is too much.
  if (bytes.length !== keyBytes || bytes.toString('base64') !== text) throw new BadValue(`must be ${wanted}`)
  return text
})

export const schemaName = register('schema name', (value) => {
  const wanted = 'small letters, digits and _, at most 40, and begin with no digit and not with pg_'
  const text = plainText(value, wanted)
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,39}$/.test(text))
    throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
})

const longestName = 63

export const instanceName = register('instance name', (value) => {
  const wanted = `letters, digits, . _ and -, at most ${longestName}`
  const text = plainText(value, wanted)
  if (instanceOf(text) !== text) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
})

/** A host's name as one level of a topic. */
export function instanceOf(host: string): string {
  return host.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, longestName) || 'instance'
}
