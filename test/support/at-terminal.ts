/**
 * The real program at a real terminal, and somebody who reads its screen and types.
 *
 * The terminal is that of `script` (util-linux), with the echo that a terminal has. Tests that need it are made
 * with `terminalTest`: where it is not installed they are skipped and say so, but with `CI` set they fail.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'vitest'
import { programFile } from './program.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

export interface AtTerminal extends AsyncDisposable {
  /** All that has ever stood on the screen. */
  screen(): string
  /** Waits for this behind what was last typed. */
  sees(what: RegExp): Promise<void>
  /** Types a line, as fast as nobody can. */
  type(line: string): void
  /** Presses a key; `c` with control, for instance. */
  press(control: 'c' | 'd'): void
  /** SIGKILL, for the program and not for its terminal. */
  kill(): void
  /** The program's exit code. */
  readonly ended: Promise<number | null>
}

const missing = !spawnSync('script', ['--help'], { encoding: 'utf8' }).stdout?.includes('--echo')
const keys = { c: '\x03', d: '\x04' }

/** A test that needs a terminal. */
export function terminalTest(name: string, body: () => Promise<void>): void {
  if (missing && !process.env.CI) test.skip(`${name} [skipped: script of util-linux is not installed]`, body)
  else test(name, body)
}

/** Starts the program in a world, at a terminal of its own. */
export function sitDown(
  { directory, env }: World,
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): AtTerminal {
  const command = ['exec', process.execPath, programFile, ...args].map(quoted).join(' ')
  const child = spawn('script', ['-qfe', '--echo', 'always', '-c', command, '/dev/null'], {
    cwd: directory,
    env: { PATH: process.env.PATH, TERM: 'xterm', TZ: 'UTC', SHELL: '/bin/sh', ...env, ...extra },
  })
  let shown = ''
  let typedAt = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  // Keys that are pressed when nobody listens any more are nobody's.
  child.stdin.on('error', () => undefined)
  const { promise: ended, resolve } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  const screen = () => stripVTControlCharacters(shown).replaceAll('\r', '')
  const send = (text: string) => {
    typedAt = screen().length
    child.stdin.write(text)
  }
  return {
    screen,
    async sees(what) {
      await until(`${what} on the screen`, () => what.test(screen().slice(typedAt)), { state: screen })
    },
    type: (line) => send(`${line}\r`),
    press: (control) => send(keys[control]),
    kill() {
      const inner = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      process.kill(Number(inner), 'SIGKILL')
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
