/**
 * The program with a file system that answers one of the system's error codes for one path, by strace's fault injection.
 *
 * Tests that need it are made with `faultTest`: where nothing may be traced they are skipped and say so.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'vitest'
import { type Finished, programFile } from './program.ts'

export interface Fault {
  readonly path: string
  /** System calls, for instance `openat,fsync`. */
  readonly calls: string
  readonly code: string
}

/** Runs the program to its end with one path that fails. */
export function runWithFault(
  args: readonly string[],
  fault: Fault,
  { env, cwd }: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): Finished {
  const { status, stdout, stderr } = spawnSync(
    'strace',
    [...traced(fault), process.execPath, programFile, ...args],
    { cwd, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' },
  )
  return { code: status, stdout, stderr }
}

function traced({ path, calls, code }: Fault): readonly string[] {
  const quiet = ['-f', '-qq', '-o', '/dev/null', '--seccomp-bpf']
  return [...quiet, '-P', path, '-e', `trace=${calls}`, '-e', `inject=${calls}:error=${code}`]
}

const permitted = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '--seccomp-bpf', 'true']).status === 0

/** A test that traces the program, which takes strace and a system that lets it. */
export function faultTest(name: string, body: () => Promise<void>): void {
  if (permitted) test(name, body)
  else test.skip(`${name} [skipped: nothing may be traced here]`, body)
}

/** A library that lets no file be locked, as some network shares do; `undefined` where nothing can be compiled. */
export function compileNoLocks(directory: string): string | undefined {
  const library = join(directory, 'no-locks.so')
  const source = `
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    enum { SETLK = 6, SETLKW = 7 };
    int fcntl64(int file, int command, void *argument) {
      if (command == SETLK || command == SETLKW) { errno = ENOLCK; return -1; }
      int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
      return real(file, command, argument);
    }`
  const args = ['-shared', '-fPIC', '-o', library, '-x', 'c', '-', '-ldl']
  return spawnSync('cc', args, { input: source }).status === 0 ? library : undefined
}
