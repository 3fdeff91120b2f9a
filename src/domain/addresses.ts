/**
 * Which hosts are this machine, how long a connection stays with one address of a host that has several, and which ones it has tried.
 *
 * Node.js tries them one after another, by default for 250 ms each, which no slow line reaches: then our own
 * timeouts decide nothing. Half of a timeout leaves the other half for an address behind one that swallows
 * everything, as a broken IPv6 does.
 */
import { isIPv4, isIPv6, type Socket } from 'node:net'

/** The time for one address out of the time for the connection, both in milliseconds. */
export const addressTimeoutMs = (connectTimeoutMs: number): number => Math.ceil(connectTimeoutMs / 2)

/** The addresses that a socket has tried up to the moment of the call; none where the host is an address itself. */
export function addressesTried(socket: Socket): () => readonly string[] {
  let found: string | undefined
  socket.on('lookup', (_, address) => {
    found ??= address
  })
  return () => {
    const tried = socket.autoSelectFamilyAttemptedAddresses
    if (tried) return tried.map((address) => address.replace(/:\d+$/, ''))
    return found ? [found] : []
  }
}

/** The end of a sentence on a failed connection: the addresses that it does not name itself. */
export function triedText(addresses: readonly string[], sentence = ''): string {
  const unnamed = addresses.filter((address) => !sentence.includes(address))
  return unnamed.length > 0 ? ` (tried ${unnamed.join(', ')})` : ''
}

/** Whether a host of a URL is this machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return isIPv4(host) && host.startsWith('127.')
}

/** Why a place cannot be listened at, and what to do. */
export function listenProblem(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
  whenInUse: string,
): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  if (code === 'EADDRINUSE') return `${address} is in use; ${whenInUse}`
  if (code === 'EACCES') return `this user may not listen on ${address}; choose a port above 1023`
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine; 127.0.0.1 and 0.0.0.0 are`
  return `cannot listen on ${address} (${code ?? String(error)})`
}
