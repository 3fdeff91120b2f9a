/**
 * The Home Assistant app as the Supervisor starts it, without a container engine: a root of its own with only what the
 * image holds, the variables and the entry point of its Dockerfiles, `/data` and `/media` of root, process 1, and root's
 * start script in front.
 *
 * Tests that need it are made with `appTest`: where nothing may be mounted they are skipped and say so.
 */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished, test } from 'vitest'
import { writeOptions } from './supervisor.ts'
import { longestWaitMs, until } from './until.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Binds what a Debian image and ours hold, and starts the entry point there. */
const setUp = `
set -eu
root=$1; app=$2; data=$3; media=$4; node=$5; shift 5
mount --make-rprivate /
if [ "$OWN_NETWORK" = yes ]; then
  ip link set lo up
  for address in 172.30.32.2 172.30.33.9 172.30.33.5; do ip address add "$address/32" dev lo; done
fi
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir usr etc proc dev tmp data media app
chmod 1777 tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
mount --bind -o ro /usr usr
mount --bind -o ro "$node" usr/local/bin
mount --bind -o ro /etc etc
mount -t proc proc proc
mount --rbind /dev dev
mount --bind -o ro "$app" app
mount --bind "$data" data
mount --bind "$media" media
mount -o remount,ro "$root"
exec chroot "$root" sh -c 'cd /app && exec "$@"' sh "$@"
`

export interface AppContainer extends AsyncDisposable {
  /** As this machine sees it. */
  readonly data: string
  readonly media: string
  stdout(): string
  stderr(): string
  /** The id of the program itself, once it runs. */
  program(): Promise<number>
  says(text: string): Promise<void>
  readonly ended: Promise<number | null>
  /** As the Supervisor stops an app; resolves with the exit code. */
  stop(): Promise<number | null>
  /** Asks the app's page in its own network, where it is 172.30.33.5, from another address there. */
  get(from: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
}

/** `status` 0 while nobody listens. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** As the Supervisor asks: to the address of the app, from its own. */
const client = `
const [localAddress, path, headers] = process.argv.slice(1)
const options = { host: '172.30.33.5', port: 8099, localAddress, path, headers: JSON.parse(headers) }
const print = (answer) => process.stdout.write(JSON.stringify(answer))
require('node:http').get(options, async (response) => {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  print({ status: response.statusCode, headers: response.headers, text })
}).on('error', () => print({ status: 0, headers: {}, text: '' }))
`

export interface AppNeeds {
  /** The installed package. */
  readonly directory: string
  readonly options: unknown
  readonly env: Readonly<Record<string, string>>
  /** Behind the image's entry point. */
  readonly command?: readonly string[]
  /** In place of the image's entry point and command, as root. */
  readonly instead?: readonly string[]
  /** In place of a new one: that of an app that was started before. */
  readonly data?: string
  /** Of its own, with the Supervisor's address and another one in it; else this machine's. */
  readonly network?: 'own'
}

/** The directories of the image and of the mounts, gone when the test is over. */
function place(name: string, mode: number): string {
  const path = mkdtempSync(join(tmpdir(), `app-${name}-`))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  chmodSync(path, mode)
  return path
}

export function startApp(needs: AppNeeds): AppContainer {
  const {
    directory,
    options,
    env,
    command = ['run'],
    network,
    instead = [...entryPoint(), ...command],
  } = needs
  const [app, media, image] = [place('image', 0o755), place('media', 0o755), place('root', 0o755)]
  const data = needs.data ?? place('data', 0o755)
  mkdirSync(join(app, 'dist'))
  cpSync(join(directory, 'dist'), join(app, 'dist'), { recursive: true })
  cpSync(join(directory, 'package.json'), join(app, 'package.json'))
  writeFileSync(join(app, 'start.sh'), readFileSync(join(root, 'homeassistant-app/start.sh')), {
    mode: 0o755,
  })
  writeOptions(data, options)
  const namespaces = ['--mount', '--pid', '--fork', ...(network ? ['--net'] : [])]
  const words = [image, app, data, media, dirname(process.execPath), ...instead]
  const child = spawn('unshare', [...namespaces, 'sh', '-c', setUp, 'sh', ...words], {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      OWN_NETWORK: network ? 'yes' : 'no',
      ...imageVariables(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  const { promise: ended, resolve } = Promise.withResolvers<number | null>()
  child.once('close', (code) => resolve(code))
  const state = () => texts.stdout + texts.stderr
  /** Process 1 in there is the only child of unshare. */
  const first = () => childrenOf(child.pid ?? 0)[0]
  return {
    data,
    media,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    ended,
    says: async (text) => {
      await until(`"${text}"`, () => texts.stderr.includes(text), { state })
    },
    program: () =>
      until(
        'the program',
        () => childrenOf(first() ?? 0).find((pid) => commandOf(pid).startsWith('node\0')),
        {
          state,
        },
      ),
    async stop() {
      const pid = await until('process 1', first, { state })
      process.kill(pid, 'SIGTERM')
      return ended
    },
    async get(from, path, headers = {}) {
      const words = [
        `--net=/proc/${await until('process 1', first, { state })}/ns/net`,
        process.execPath,
        '-e',
        client,
      ]
      const { stdout } = await run('nsenter', [...words, from, path, JSON.stringify(headers)])
      return JSON.parse(stdout) as Answer
    },
    async [Symbol.asyncDispose]() {
      // All in there ends with it; what unshare does to it at its own end is lost when it changes its user.
      const pid = first()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      child.kill('SIGKILL')
      await ended
    },
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** The instructions of both Dockerfiles of one kind, in order. */
function instructions(kind: string): readonly string[] {
  const text = ['Dockerfile', 'homeassistant-app/Dockerfile']
    .map((path) => readFileSync(join(root, path), 'utf8').replaceAll('\\\n', ' '))
    .join('\n')
  return [...text.matchAll(new RegExp(`^${kind} (.*)$`, 'gm'))].map(([, words = '']) => words.trim())
}

function imageVariables(): Readonly<Record<string, string>> {
  const pairs = instructions('ENV').flatMap((words) => words.split(/\s+/).map((pair) => pair.split('=', 2)))
  return Object.fromEntries(pairs) as Record<string, string>
}

function entryPoint(): readonly string[] {
  return JSON.parse(instructions('ENTRYPOINT').at(-1) ?? '[]') as string[]
}

/** What the engine runs to see whether the app is alive. */
export function healthcheck(): readonly string[] {
  return JSON.parse(/CMD (.*)/.exec(instructions('HEALTHCHECK').at(-1) ?? '')?.[1] ?? '[]') as string[]
}

function whatIsMissing(): string | undefined {
  const programs = ['unshare', 'chroot', 'setpriv', 'tini', 'ip', 'nsenter']
  const missing = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
  if (missing.length > 0) return `${missing.join(', ')} not installed`
  const may = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true'], {
    timeout: longestWaitMs,
  })
  return may.status === 0 ? undefined : 'this user may not mount file systems'
}

const missing = whatIsMissing()

/** A test that starts the app, which takes root and a system that lets it. */
export function appTest(name: string, body: () => Promise<void>): void {
  if (missing === undefined) test(name, body)
  else test.skip(`${name} [skipped: ${missing}]`, body)
}
