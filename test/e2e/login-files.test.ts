/** Signing in without a person: what they would type comes from files, descriptors and standard input. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { home } from '../support/homes.ts'
import { loginFiles, noTokens, personIn } from '../support/person.ts'
import { programFile } from '../support/program.ts'
import { startWorld, type World } from '../support/world.ts'

const email = 'anna@example.com'

function aWorld(): Promise<World> {
  const person = { email, password: 'pass word', code: '123456' }
  return startWorld({ broker: false, simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person }] } })
}

/** Runs a command with these texts at descriptors 0, 3, 4 and so on. */
async function run(world: World, command: readonly string[], texts: readonly (string | undefined)[]) {
  const [stdin, ...others] = texts
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: world.directory,
    env: { PATH: process.env.PATH, ...world.env, ...noTokens, BLINK_EMAIL: email },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...others.map(() => 'pipe' as const)],
  })
  const pipes = [child.stdin, ...child.stdio.slice(3)]
  for (const [at, pipe] of pipes.entries()) {
    // A program that reads none of it is what some of these are about.
    pipe?.on('error', () => undefined)
    if (pipe && 'end' in pipe) pipe.end(texts[at])
  }
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => (stream ? text(stream) : ''))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout: await stdout, stderr: await stderr }
}

const login = (...args: readonly string[]) => [process.execPath, programFile, 'login', ...args]

test.each([
  ['standard input', login('--password-file', '-'), ['pass word\n']],
  ['the descriptor of standard input', login('--password-file', '/dev/fd/0'), ['pass word\n']],
  ['its name', login('--password-file', '/dev/stdin'), ['pass word\n']],
  ['a descriptor', login('--password-file', '/dev/fd/3'), [undefined, 'pass word\n']],
  [
    'a pipe of the shell',
    ['bash', '-c', '"$@" 3< <(echo "pass word")', 'bash', ...login('--password-file', '/dev/fd/3')],
    [undefined],
  ],
  [
    'a text in a script',
    ['bash', '-c', '"$@" 3<<<"pass word"', 'bash', ...login('--password-file', '/proc/self/fd/3')],
    [undefined],
  ],
])('the password is taken from %s, and the code in a later run', async (_, command, texts) => {
  await using world = await aWorld()

  const first = await run(world, command, texts)
  const second = await run(world, [process.execPath, programFile, 'login', '--code-file', '-'], ['123456'])

  expect(first).toMatchObject({ code: 77, stderr: expect.stringContaining('Blink has sent a code') })
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('account 8021') })
})

test('password and code can have a descriptor each, and both go in one run', async () => {
  await using world = await aWorld()

  const signedIn = await run(world, login('--password-file', '/dev/fd/3', '--code-file', '/dev/fd/4'), [
    undefined,
    'pass word',
    '123456\n',
  ])

  expect(signedIn.code).toBe(0)
})

test.each([
  ['both from standard input', login('--password-file', '-', '--code-file', '-'), /not both/],
  ['a descriptor that is not there', login('--password-file', '/dev/fd/9'), /cannot read \/dev\/fd\/9: /],
  [
    'a file that is not there',
    login('--password-file', 'nowhere'),
    /cannot read nowhere: there is no such file/,
  ],
  ['an empty password', login('--password-file', '-'), /the password is empty/],
  ['a password on the command line', login('--password', 'pass word'), /unknown option '--password'/],
  ['a password in one piece with it', login('--password=pass word'), /unknown option '--password'/],
  ['an address on the command line', login('--email', email), /unknown option '--email'/],
  ['an address in one piece with it', login(`--email=${email}`), /unknown option '--email'/],
  ['an address without an option', login(email), /Expected 0 arguments but got 1\.$/m],
  ['a password behind a short option', login('-ppass word'), /unknown option '-p'$/m],
])('%s is refused with a sentence, before any request', async (_, command, says) => {
  await using world = await aWorld()

  const refused = await run(world, command, [undefined])

  expect(refused).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(says) })
  expect(refused.stderr).not.toMatch(/ at .*\.[jt]s:\d+|pass word|anna/)
  expect(world.cloud.calls).toEqual([])
})

test('where a code went is printed once', async () => {
  await using world = await aWorld()

  const { stderr } = await personIn(world).signIn()

  expect(stderr.match(/Blink has sent a code/g)).toHaveLength(1)
  expect(stderr).toContain('--code-file')
})

test('a sign-in that the cloud loses at its end begins anew', async () => {
  await using world = await aWorld()
  const anna = personIn(world)
  const lost = { kind: 'redirect', location: '/oauth/v2/signin', path: /\/authorize$/ } as const
  world.cloud.misbehave(lost)
  const refused = await anna.signIn('123456')
  expect(refused).toMatchObject({ code: 77, stderr: expect.stringContaining('lost track of this sign-in') })
  expect(existsSync(join(world.dataDir, 'pending-login.json'))).toBe(false)

  world.cloud.calm()
  world.cloud.allowAnotherCode(8021)
  expect((await anna.signIn('123456')).code).toBe(0)
  expect(loginFiles(world).size).toBe(1)
})
