/**
 * The container image without an engine: what the Dockerfile copies and builds, in a directory, and a start of it as
 * its user where nothing but `/data` can be written.
 *
 * What a base image has comes from this system, read-only. Making the mounts takes root, in a namespace of the
 * process's own; nothing is left of them when it has ended.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Instruction, readDockerfile, type Stage } from './dockerfile.ts'

export interface Image extends Disposable {
  /** What the image's file system begins with. */
  readonly root: string
  /** Of the last stage. */
  readonly stage: Stage
  /** Names of what the context holds that an instruction has asked for and .dockerignore hides. */
  readonly hidden: readonly string[]
  /** Starts words of the image, such as its entry point and command, with this added to its environment. */
  start(words: readonly string[], env?: Readonly<Record<string, string>>): Contained
}

export interface Contained {
  readonly process: ChildProcess
  output(): string
  /** Waits for its end and returns the exit code. */
  readonly ended: Promise<number | null>
}

const project = join(import.meta.dirname, '../..')

/** As in a checkout that was made with umask 077. */
const contextModes = { directory: 0o700, file: 0o600 }

/** Builds all stages. The libraries are those of this checkout in place of `npm ci`. */
export function buildImage(): Image {
  const place = mkdtempSync(join(tmpdir(), 'image-'))
  const stages = readDockerfile(readFileSync(join(project, 'Dockerfile'), 'utf8'))
  const roots = new Map<string, string>()
  const hidden: string[] = []
  const allowed = readFileSync(join(project, '.dockerignore'), 'utf8').split('\n')
  chmodSync(place, 0o755)
  for (const [index, { name = String(index), instructions }] of stages.entries()) {
    const root = join(place, name)
    mkdirSync(root)
    roots.set(name, root)
    let workDirectory = '/'
    for (const instruction of instructions) {
      if (instruction.name === 'WORKDIR') {
        workDirectory = instruction.text
        mkdirSync(join(root, workDirectory), { recursive: true })
      }
      const directory = join(root, workDirectory)
      if (instruction.name === 'COPY') hidden.push(...copy(instruction, directory, roots, allowed))
      if (instruction.name === 'RUN') run(instruction.text, root, directory)
    }
  }
  const stage = stages.at(-1)
  if (!stage) throw new Error('the Dockerfile has no stage')
  const root = join(place, stage.name ?? String(stages.length - 1))
  return {
    root,
    stage,
    hidden,
    start: (words, env = {}) => start(root, stage, words, env),
    [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }),
  }
}

/** Returns what the context hides. */
function copy(
  { flags, words }: Instruction,
  directory: string,
  roots: ReadonlyMap<string, string>,
  allowed: readonly string[],
): readonly string[] {
  const target = words.at(-1) ?? ''
  const from = flags.get('from')
  const sources = words.slice(0, -1)
  for (const source of sources) {
    const path = join(from === undefined ? project : (roots.get(from) ?? from), source)
    const intoDirectory = target.endsWith('/')
    const copied = join(directory, target, intoDirectory ? basename(source) : '')
    mkdirSync(dirname(copied), { recursive: true })
    cpSync(path, copied, { recursive: true })
    if (from === undefined) asInContext(copied)
  }
  return from === undefined ? sources.filter((source) => !allowed.includes(`!${source}`)) : []
}

function asInContext(path: string): void {
  const isDirectory = statSync(path).isDirectory()
  chmodSync(path, isDirectory ? contextModes.directory : contextModes.file)
  if (!isDirectory) return
  for (const name of readdirSync(path)) asInContext(join(path, name))
}

function run(command: string, root: string, directory: string): void {
  if (command === 'npm ci') {
    symlinkSync(join(project, 'node_modules'), join(directory, 'node_modules'))
    return
  }
  // Of what needs a package manager only the directories are made.
  const made = /\binstall -d -o (\d+) -g (\d+) -m (\d+) (\/\S+)$/.exec(command)
  if (made) {
    const [, uid, gid, mode = '', path = ''] = made
    mkdirSync(join(root, path))
    chmodSync(join(root, path), Number.parseInt(mode, 8))
    chownSync(join(root, path), Number(uid), Number(gid))
    return
  }
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
  execFileSync('sh', ['-c', `umask 077; ${command}`], { cwd: directory, env, stdio: 'pipe' })
}

/** `$1` is the root, `$2` this Node.js, `$3` user and group, `$4` the working directory; the rest is the command. */
const contain = `
root=$1 node=$2 user=$3 directory=$4
shift 4
mount --bind "$root" "$root"
for name in usr bin sbin lib lib64 etc dev; do
  if [ -L "/$name" ]; then cp -P "/$name" "$root/$name" 2>/dev/null || true
  elif [ -d "/$name" ]; then
    mkdir -p "$root/$name"
    mount --bind "/$name" "$root/$name"
    mount -o remount,bind,ro "$root/$name"
  fi
done
mkdir -p "$root/proc" "$root/node"
mount --bind /proc "$root/proc"
mount --bind "$node" "$root/node"
mount -o remount,bind,ro "$root/node"
mount --bind "$root/data" "$root/data"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "\${user%:*}" --regid "\${user#*:}" --clear-groups --no-new-privs \\
  --bounding-set=-all --inh-caps=-all sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
`

function start(
  root: string,
  stage: Stage,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Contained {
  const variables = stage.instructions
    .filter(({ name }) => name === 'ENV')
    .flatMap((instruction) => instruction.words.map((word) => word.split(/=(.*)/s, 2) as [string, string]))
  const place = [root, dirname(process.execPath), stage.last('USER').text, stage.last('WORKDIR').text]
  // Every part of it becomes the next one, so that a signal reaches the image's own first process.
  const child = spawn('unshare', ['--mount', 'sh', '-ec', contain, 'sh', ...place, ...words], {
    env: { PATH: '/node:/usr/bin:/bin:/usr/sbin:/sbin', ...Object.fromEntries(variables), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { process: child, output: () => text, ended }
}
