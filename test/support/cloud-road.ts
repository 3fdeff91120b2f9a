/**
 * The road between the program and a simulated cloud, which a test can close, and a name server that can fail.
 */
import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { certificate } from './tls-peer.ts'

export interface Road extends AsyncDisposable {
  readonly port: number
  /** Nobody listens any more: connections are refused, and those that stand are reset. */
  close(): Promise<void>
  reopen(): Promise<void>
}

/** A road to a port of this machine. */
export async function roadTo(port: number): Promise<Road> {
  const sockets = new Set<Socket>()
  const open = () =>
    listen(
      createServer((near) => bridge(near, port, sockets)),
      0,
    )
  let server = await open()
  const own = portOf(server)
  const close = async () => {
    for (const socket of sockets) socket.resetAndDestroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  return {
    port: own,
    close,
    async reopen() {
      server = await listen(
        createServer((near) => bridge(near, port, sockets)),
        own,
      )
    },
    [Symbol.asyncDispose]: close,
  }
}

export interface TlsRoad extends AsyncDisposable {
  readonly port: number
  /** A PEM file with the certificates of both kinds, for a program that shall trust them. */
  readonly trusted: string
  /** Shows the expired certificate, or the good one, to connections made from now on. */
  show(which: 'good' | 'expired'): void
}

/** A road to a port of this machine that speaks TLS at this end. */
export async function tlsRoadTo(port: number, directory: string): Promise<TlsRoad> {
  const certificates = {
    good: certificate('200101000000Z', '491231235959Z'),
    expired: certificate('200101000000Z', '200102000000Z'),
  }
  const sockets = new Set<Socket>()
  const { cert, key } = certificates.good
  const server = createTlsServer({ cert, key }, (near) => bridge(near, port, sockets))
  await listen(server, 0)
  const trusted = join(directory, 'trusted.pem')
  writeFileSync(trusted, certificates.good.cert + certificates.expired.cert)
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: portOf(server),
    trusted,
    show(which) {
      const { cert: shown, key: its } = certificates[which]
      server.setSecureContext({ cert: shown, key: its })
      cut()
    },
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      for (const { dir } of Object.values(certificates)) rmSync(dir, { recursive: true })
    },
  }
}

export interface Names {
  /** What makes a program ask this name server: names that end in `.invalid` are this machine. */
  readonly env: Readonly<Record<string, string>>
  /** Lets the names fail that end so; all of them unless said otherwise. */
  fail(ending?: string, code?: 'ENOTFOUND' | 'EAI_AGAIN'): void
  mend(): void
}

/** A name server inside the program, which fails while a file is there. */
export function namesIn(directory: string): Names {
  const failing = join(directory, 'names-fail')
  const preload = join(directory, 'names.mjs')
  writeFileSync(
    preload,
    `import dns from 'node:dns'
import { existsSync, readFileSync } from 'node:fs'
const usual = dns.lookup
dns.lookup = (name, options, done) => {
  if (!name.endsWith('.invalid')) return usual(name, options, done)
  const fault = existsSync(${JSON.stringify(failing)}) ? JSON.parse(readFileSync(${JSON.stringify(failing)})) : undefined
  if (!fault || !name.endsWith(fault.ending)) return usual('127.0.0.1', options, done)
  const error = Object.assign(new Error('getaddrinfo ' + fault.code + ' ' + name), { code: fault.code, hostname: name })
  process.nextTick(() => done(error))
}
`,
  )
  return {
    env: { NODE_OPTIONS: `--import=${preload}` },
    fail: (ending = '.invalid', code = 'ENOTFOUND') => {
      writeFileSync(`${failing}.new`, JSON.stringify({ ending, code }))
      renameSync(`${failing}.new`, failing)
    },
    mend: () => rmSync(failing, { force: true }),
  }
}

function bridge(near: Socket, port: number, sockets: Set<Socket>): void {
  const far = dial(port, '127.0.0.1')
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(one)
    one.on('error', () => undefined)
    one.on('close', () => {
      sockets.delete(one)
      other.destroy()
    })
    one.pipe(other)
  }
}

async function listen<Kind extends Server>(server: Kind, port: number): Promise<Kind> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
