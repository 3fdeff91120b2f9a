/**
 * What PostgreSQL and its driver say when something fails, as an expected failure with a place and a remedy.
 *
 * Of an error only its code and its message are kept: its details may hold what was to be stored, and a driver's
 * error may hold the URL with the password.
 */
import { DaemonError, StoreFailed } from '../../domain/errors.ts'

/** The connection ended before the answer, so nobody knows whether the statement was carried out. */
export class ConnectionLost extends StoreFailed {}

/** Nothing was sent: there is no connection. */
class NotConnected extends StoreFailed {}

interface Kind {
  readonly codes: readonly string[]
  readonly remedy: string
  readonly isLasting?: boolean
}

/** By SQLSTATE, or the first letters of it: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const kinds: readonly Kind[] = [
  {
    codes: ['28'],
    remedy: 'Check user and password in store.url, and pg_hba.conf of the server.',
    isLasting: true,
  },
  { codes: ['3D000'], remedy: 'Create the database, or correct its name in store.url.', isLasting: true },
  {
    codes: ['42501'],
    remedy: 'Give the user of store.url the right to create and use the schema (store.schema).',
    isLasting: true,
  },
  {
    codes: ['42P01', '42703', '3F000'],
    remedy: 'Was the schema changed or removed? Restart to have it made.',
  },
  { codes: ['53100'], remedy: 'The disk of the database server is full: make room.' },
  { codes: ['53300'], remedy: 'The server has no connection left: raise its max_connections.' },
  { codes: ['25006'], remedy: 'The database takes no writes: is it a standby, or read-only?' },
  { codes: ['57P', '08'], remedy: 'The server is starting, stopping or not reachable: it is tried again.' },
  {
    codes: ['57014'],
    remedy: 'The server is too slow, or something holds a lock: look at pg_stat_activity.',
  },
]

const unreachable = 'Is the server of store.url running, and can it be reached from here?'
const notTrusted = 'Name the authority of the certificate with sslrootcert in store.url, or correct the host.'

/** Of the pool and its connections, whose errors have no code. */
const lostMessages = /^(Connection terminated|Query read timeout|Client has encountered a connection error)/
const missingPassword = /client password must be/
const noTls = /server does not support SSL/
const unconnectedMessages =
  /timeout exceeded when trying to connect|due to connection timeout|timeout expired/

/** The error for a caller of storage; a bug, and an error of our own, is returned as it is. */
export function failureOf(place: string, cause: unknown): unknown {
  if (cause instanceof DaemonError || !(cause instanceof Error)) return cause
  const code = codeOf(cause)
  const details = { cause: new Error(code === undefined ? cause.message : `${code}: ${cause.message}`) }
  if (unconnectedMessages.test(cause.message)) {
    return new NotConnected(`cannot connect to ${place}: it does not answer`, {
      ...details,
      remedy: unreachable,
    })
  }
  if (missingPassword.test(cause.message)) {
    return new NotConnected(`${place} wants a password`, {
      ...details,
      remedy: 'Put the password into store.url: postgres://user:password@host:port/name.',
      isLasting: true,
    })
  }
  if (noTls.test(cause.message)) {
    return new NotConnected(`${place} takes no connections over TLS`, {
      ...details,
      remedy: 'Turn on TLS at the server, or put sslmode=disable into store.url where nobody stands between.',
      isLasting: true,
    })
  }
  if (lostMessages.test(cause.message) || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT') {
    return new ConnectionLost(`lost the connection to ${place}`, { ...details, remedy: unreachable })
  }
  if (code === undefined)
    return isProgramming(cause) ? cause : new StoreFailed(describe(place, cause), details)
  const kind = kinds.find(({ codes }) => codes.some((one) => code.startsWith(one)))
  const isLasting = kind?.isLasting ?? false
  const message = describe(place, cause)
  // The server ends a session with these: what it was at may be done or not.
  if (/^57P0[12]/.test(code) || /^08/.test(code)) {
    return new ConnectionLost(message, { ...details, ...(kind && { remedy: kind.remedy }) })
  }
  if (code === '57P03' || code === '53300' || /^(28|3D)/.test(code)) {
    return new NotConnected(message, { ...details, isLasting, ...(kind && { remedy: kind.remedy }) })
  }
  if (/^[0-9A-Z]{5}$/.test(code)) {
    return new StoreFailed(message, { ...details, isLasting, ...(kind && { remedy: kind.remedy }) })
  }
  // Of the system: no such host, refused, or a certificate that is not trusted.
  const isTls = /CERT|SIGN|ALTNAME|VERIFY|ISSUER|^ERR_TLS|^ERR_SSL/.test(code)
  return new NotConnected(`cannot connect to ${place}: ${code}`, {
    ...details,
    isLasting: isTls,
    remedy: isTls ? notTrusted : unreachable,
  })
}

/** Whether the next write would be refused as well, so that nothing should be requested that must be kept. */
export function refusesAll(error: StoreFailed): boolean {
  if (error instanceof ConnectionLost || error instanceof NotConnected) return true
  return error.cause instanceof Error && /^(25006|53|42P01|3F000|58)/.test(error.cause.message)
}

/** Whether a statement that changes nothing when it is repeated is worth repeating. */
export function isWorthRepeating(error: unknown): boolean {
  if (error instanceof ConnectionLost || error instanceof NotConnected) return !error.isLasting
  return (
    error instanceof StoreFailed && error.cause instanceof Error && /^40(P01|001)/.test(error.cause.message)
  )
}

function describe(place: string, cause: Error): string {
  return `${place} refused: ${cause.message}`
}

function codeOf(cause: Error): string | undefined {
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
}

function isProgramming(cause: Error): boolean {
  return cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError
}

/** What is in the database is not what we wrote. */
export function unreadable(what: string, place: string): StoreFailed {
  return new StoreFailed(`cannot read ${what} in ${place}: it is not what was written`, {
    remedy: 'Restore the database from a backup, or delete the row.',
  })
}
