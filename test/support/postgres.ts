/**
 * A real PostgreSQL on a free port, in a directory of its own that goes away with it: `await using`.
 *
 * One server for a test file and a schema for a test. Tests that need it are made with `postgresTest`: where
 * PostgreSQL is not installed they are skipped and say so, but with `CI` set they fail, so that no build is green for
 * want of a package.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'vitest'
import { type Certificates, freePort, makeCertificates } from './mosquitto.ts'
import { until } from './until.ts'

export interface Postgres extends AsyncDisposable {
  readonly port: number
  /** Of the database `postgres` and its superuser, with the password. */
  readonly url: string
  /** Of its authority and of another one; only with `tls`. */
  readonly certificates: Certificates | undefined
  /** Everything it has logged. */
  readonly log: () => string
  /** SIGKILL to all of its processes: no client is told, and the next start recovers. */
  kill(): Promise<void>
  /** SIGQUIT, an immediate shutdown: connections are cut. */
  stop(): Promise<void>
  /** Starts it again on the same port; stops it at once before, where it still runs. */
  restart(): Promise<void>
  /** Stops all of its processes as they are, until `thaw`: nobody is answered and no connection ends. */
  freeze(): void
  thaw(): void
}

export interface PostgresOptions {
  /** True where figures are measured: commits wait for the disk. Tests never lose the machine's power. */
  readonly durable?: boolean
  /** TLS with a certificate for this machine, of an authority of its own. */
  readonly tls?: boolean
  /** More settings, for instance `max_connections`. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/** Debian keeps each version in a directory of its own. */
const bin = globSync('/usr/lib/postgresql/*/bin')
  .filter((directory) => existsSync(join(directory, 'initdb')))
  .sort()
  .at(-1)

/** A test that needs a real PostgreSQL. */
export function postgresTest(name: string, body: () => Promise<void>): void {
  if (isPostgresMissing) test.skip(`${name} [skipped: postgresql is not installed]`, body)
  else test(name, body)
}

/** Whether its tests are to be skipped. */
export const isPostgresMissing = bin === undefined && !process.env.CI

/** PostgreSQL refuses to run as root; what runs as root becomes its own user, or nobody. */
const user = process.getuid?.() === 0 ? (idsOf('postgres') ?? idsOf('nobody')) : undefined

function idsOf(name: string): { readonly uid: number; readonly gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm'))
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : undefined
}

/** Asked of everybody, as servers do; it has letters that a URL must escape. */
const password = 'open: sesame/%'

/** Becomes the server, and ends it when our end of its input closes: a killed test run leaves none behind. */
const orphanless = 'exec 3<&0; (read -r _ <&3; kill -QUIT $$) & exec "$@" </dev/null'

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  if (bin === undefined) throw new Error('postgresql is not installed')
  const directory = mkdtempSync(join(tmpdir(), 'postgres-'))
  const certificates = options.tls ? makeCertificates(directory) : undefined
  // The server takes no key that others could read, or that is somebody else's.
  const key = join(directory, 'server.key')
  if (certificates) chmodSync(key, 0o600)
  const passwordFile = join(directory, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user)
    for (const path of [directory, passwordFile, ...(certificates ? [key] : [])])
      chownSync(path, user.uid, user.gid)
  const data = join(directory, 'data')
  const asUser = user
    ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
    : ([] as string[])
  const run = (program: string, ...words: string[]) => {
    const [first = program, ...rest] = [...asUser, join(bin, program), ...words]
    execFileSync(first, rest, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const owner = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
  run('initdb', '-D', data, ...owner, '-E', 'UTF8', '--locale=C', '--no-sync')

  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory,
    shared_buffers: '32MB',
    max_connections: 60,
    log_min_messages: 'warning',
    timezone: 'UTC',
    ...(options.durable ? {} : { fsync: 'off' }),
    ...(certificates && { ssl: 'on', ssl_cert_file: join(directory, 'server.pem'), ssl_key_file: key }),
    ...options.settings,
  }
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log: string[] = []
  let port = 0

  async function launch(): Promise<ChildProcess> {
    const command = [...asUser, join(bin as string, 'postgres'), '-D', data, '-p', `${port}`, ...words]
    const child = spawn('sh', ['-c', orphanless, 'sh', ...command], {
      cwd: directory,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text))
    child.once('exit', () => child.stdin.end())
    let hasEnded = false
    child.once('exit', () => {
      hasEnded = true
    })
    while (!(await answers(port))) {
      if (hasEnded) throw new Error(`postgresql does not start:\n${log.join('')}`)
      await pause(20)
    }
    return child
  }

  const begin = async (triesLeft: number): Promise<ChildProcess> => {
    port = await freePort()
    return launch().catch((error: unknown) => {
      // Somebody else on this machine may have taken the port meanwhile.
      if (triesLeft === 0) throw error
      return begin(triesLeft - 1)
    })
  }
  let running = await begin(3)

  const isRunning = () => running.exitCode === null && running.signalCode === null
  const all = () => (running.pid === undefined ? [] : [running.pid, ...childrenOf(running.pid)])
  const signal = (name: NodeJS.Signals) => {
    for (const pid of all()) {
      try {
        process.kill(pid, name)
      } catch {
        // It has just ended.
      }
    }
  }

  async function end(name: 'SIGKILL' | 'SIGQUIT'): Promise<void> {
    if (!isRunning()) return
    const gone = once(running, 'exit')
    const pids = all()
    signal('SIGCONT')
    if (name === 'SIGKILL') signal(name)
    else running.kill(name)
    await gone
    // A server is not started beside what is left of the last one.
    await until('the end of all processes of postgresql', () => !pids.some(isAlive))
  }

  return {
    port,
    url: `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    certificates,
    log: () => log.join(''),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGQUIT'),
    async restart() {
      await end('SIGQUIT')
      running = await launch()
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end('SIGQUIT')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Whether a server takes connections on this port: it answers the question for TLS with one letter. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    // As a client that wants a session would begin; while it starts the server says so and closes.
    const words = Buffer.from('user\0postgres\0database\0postgres\0\0')
    const head = Buffer.alloc(8)
    head.writeInt32BE(words.length + 8, 0)
    head.writeInt32BE(196_608, 4)
    socket.write(Buffer.concat([head, words]))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return String.fromCharCode(answer[0] ?? 0) === 'R'
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const tasks = globSync(`/proc/${pid}/task/*/children`)
    return tasks.flatMap((file) => readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number))
  } catch {
    return []
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return readFileSync(`/proc/${pid}/stat`, 'utf8').match(/\) (\w)/)?.[1] !== 'Z'
  } catch {
    return false
  }
}
