/**
 * A real Mosquitto on a free port, in a directory of its own that goes away with it: `await using`.
 *
 * Tests that need it are made with `mosquittoTest`: where Mosquitto is not installed they are skipped and say so,
 * but with `CI` set they fail, so that no build is green for want of a package.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'vitest'
import { longestWaitMs } from './until.ts'

export interface MosquittoOptions {
  /** Names and passwords; nobody else may connect. */
  readonly users?: Readonly<Record<string, string>>
  /** The text of an ACL file. */
  readonly acl?: string
  /** TLS with a certificate of an authority of its own; `mutual` wants one from the client too. */
  readonly tls?: 'server' | 'mutual'
  /** False for one that keeps nothing on disk, as by its defaults. */
  readonly persistence?: boolean
  /** More lines for the configuration file. */
  readonly config?: readonly string[]
  /** The whole configuration file, in place of all of these; `directory` is the broker's own. */
  readonly file?: (place: { readonly port: number; readonly directory: string }) => string
}

/** Paths of PEM files; `otherCa` signed none of the rest. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly otherCa: string
}

export interface Mosquitto extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** For a client; only with `tls`. */
  readonly certificates: Certificates | undefined
  /** Everything it has logged, line by line. */
  readonly log: readonly string[]
  /** SIGKILL: nothing is said to the clients and nothing more is saved. */
  kill(): Promise<void>
  /** SIGTERM: clients are told, sessions and retained messages are saved. */
  stop(): Promise<void>
  /** Starts it again on the same port; `forget` deletes sessions and retained messages before. */
  restart(options?: { readonly forget?: boolean }): Promise<void>
}

const missing = spawnSync('mosquitto', ['-h']).error !== undefined

/** Whether its tests are to be skipped. */
export const isMosquittoMissing = missing && !process.env.CI

/** A test that needs Mosquitto. */
export function mosquittoTest(name: string, body: () => Promise<void>): void {
  if (isMosquittoMissing) test.skip(`${name} [skipped: mosquitto is not installed]`, body)
  else test(name, body)
}

/** Becomes Mosquitto, and kills it when our end of its input closes: a killed test run leaves none behind. */
const orphanless = 'exec 3<&0; (read -r _ <&3; kill -9 $$) & exec mosquitto -c "$0" </dev/null'

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  if (missing) throw new Error('mosquitto is not installed')
  const directory = mkdtempSync(join(tmpdir(), 'mosquitto-'))
  const certificates = options.tls ? makeCertificates(directory) : undefined
  const configuration = join(directory, 'mosquitto.conf')
  const log: string[] = []
  let port = 0
  const begin = async (triesLeft: number): Promise<ChildProcess> => {
    port = await freePort()
    writeFileSync(configuration, configure(directory, port, options))
    return await launch(configuration, log).catch((error: unknown) => {
      // Somebody else on this machine may have taken the port meanwhile.
      if (triesLeft === 0) throw error
      return begin(triesLeft - 1)
    })
  }
  let running = await begin(3)

  const end = async (signal: NodeJS.Signals) => {
    if (running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'exit')
    // Mosquitto loses a signal that comes between its "running" and its main loop.
    const again = setInterval(() => running.kill(signal), 200)
    running.kill(signal)
    await gone
    clearInterval(again)
  }
  return {
    port,
    url: `${options.tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}`,
    certificates,
    log,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    async restart({ forget = false } = {}) {
      await end('SIGTERM')
      if (forget) rmSync(join(directory, 'mosquitto.db'), { force: true })
      running = await launch(configuration, log)
    },
    async [Symbol.asyncDispose]() {
      await end('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when it listens. */
async function launch(configuration: string, log: string[]): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', orphanless, configuration], { stdio: ['pipe', 'ignore', 'pipe'] })
  child.once('exit', () => child.stdin.end())
  const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>()
  const fail = () => reject(new Error(`mosquitto does not start:\n${log.join('\n')}`))
  const timer = setTimeout(fail, longestWaitMs)
  child.once('exit', fail)
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line)
    if (line.endsWith(' running')) resolve(child)
  })
  return promise.finally(() => {
    clearTimeout(timer)
    child.removeListener('exit', fail)
  })
}

function configure(directory: string, port: number, options: MosquittoOptions): string {
  const { users, acl, tls, persistence = true, config = [], file } = options
  if (file) return file({ port, directory })
  const lines = [
    // Started by root it would become another user, who may not write here.
    `user ${userInfo().username}`,
    'log_dest stderr',
    ...(persistence
      ? [
          'persistence true',
          `persistence_location ${directory}/`,
          'autosave_on_changes true',
          'autosave_interval 1',
        ]
      : []),
    `listener ${port} 127.0.0.1`,
    `allow_anonymous ${users === undefined}`,
    ...config,
  ]
  if (users) lines.push(`password_file ${writePasswords(directory, users)}`)
  if (acl !== undefined) lines.push(`acl_file ${writePrivate(join(directory, 'acl'), acl)}`)
  if (tls)
    lines.push(
      `cafile ${directory}/ca.pem`,
      `certfile ${directory}/server.pem`,
      `keyfile ${directory}/server.key`,
    )
  if (tls === 'mutual') lines.push('require_certificate true')
  return `${lines.join('\n')}\n`
}

function writePasswords(directory: string, users: Readonly<Record<string, string>>): string {
  const path = writePrivate(join(directory, 'passwords'), '')
  for (const [name, password] of Object.entries(users)) {
    execFileSync('mosquitto_passwd', ['-b', path, name, password], { stdio: 'ignore' })
  }
  return path
}

function writePrivate(path: string, text: string): string {
  writeFileSync(path, text)
  chmodSync(path, 0o600)
  return path
}

/** An authority, and certificates of it for a server on this machine and its client; `other` signed none of them. */
export function makeCertificates(directory: string): Certificates {
  const path = (name: string) => join(directory, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  for (const name of ['ca', 'other']) {
    openssl('req', '-x509', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  }
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  for (const name of ['server', 'client']) {
    openssl(
      'req',
      '-new',
      ...curve.slice(0, 5),
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    )
    const signing = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
    ]
    openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`)
  }
  return { ca: path('ca.pem'), cert: path('client.pem'), key: path('client.key'), otherCa: path('other.pem') }
}
