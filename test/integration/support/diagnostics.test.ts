/** The last lines, in memory and in the file that a bug report is made from. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { logTo } from '../../../src/log.ts'
import { diagnosticsPath, openDiagnostics, readLines } from '../../../src/support/diagnostics.ts'
import { createRedaction } from '../../../src/support/redaction.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { mountTest, smallDisk } from '../../support/mounts.ts'
import { temporaryDirectory } from '../../support/samples.ts'
import { until } from '../../support/until.ts'

const call = { account: '8021', kind: 'homescreen', status: 200, sent: true, ms: 87.4 }

function opened(directory = temporaryDirectory()) {
  const clock = fakeClock()
  const diagnostics = openDiagnostics(createRedaction({ secrets: ['hunter2'] }), clock)
  const log = logTo({ write: diagnostics.line }, 'debug')
  return { ...diagnostics, clock, log, directory, path: diagnosticsPath(directory) }
}

const messagesIn = async (directory: string) =>
  (await readLines(directory)).map((line) => (JSON.parse(line) as { readonly msg: string }).msg)
const textOf = (path: string) => readFileSync(path, 'utf8')

test('log lines and answers come to the file, with nothing secret in them', async () => {
  const { log, observer, keepIn, tail, clock, directory, path, close } = opened()
  log.info({ version: '0.1.0' }, 'starting')
  await keepIn(directory)
  log.warn({ detail: 'password hunter2 refused for anna@example.com' }, 'broker refuses')
  observer.requestFinished?.(call)
  log.debug(call, 'request finished')
  observer.requestFinished?.({ account: '8021', kind: 'token', errorCode: 'ECONNRESET', sent: true, ms: 3 })

  await clock.advance(1_000)
  await close()

  const lines = (await readLines(directory)).map((line) => JSON.parse(line) as object)
  expect(lines).toMatchObject([
    { level: 'info', msg: 'starting', version: '0.1.0' },
    { level: 'warn', msg: 'broker refuses', detail: 'password [secret] refused for [address]' },
    { level: 'debug', msg: 'request finished', account: '8021', kind: 'homescreen', status: 200, ms: 87 },
    { level: 'debug', msg: 'request finished', kind: 'token', errorCode: 'ECONNRESET' },
  ])
  expect(tail.lines().map(({ message }) => message)).toEqual(await messagesIn(directory))
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('an error is on disk at once', async () => {
  const { log, keepIn, clock, directory, path } = opened()
  await keepIn(directory)

  log.error({}, 'account needs a person to sign in')
  await clock.advance(0)

  await until('the line', () => existsSync(path) && textOf(path).includes('account needs a person'))
})

test('the file stays below 256 kB and ends with the newest lines', async () => {
  const { log, keepIn, close, directory, path, tail } = opened()
  await keepIn(directory)

  for (let round = 0; round < 12; round++) {
    for (let line = 0; line < 100; line++)
      log.info({ number: 100 * round + line, text: 'x '.repeat(200) }, 'line')
    await close()
    expect(statSync(path).size).toBeLessThanOrEqual(256_000)
  }

  const lines = await readLines(directory)
  expect(lines.length).toBeGreaterThan(200)
  expect(lines.at(-1)).toContain('"number":1199')
  expect(tail.lines().at(-1)?.fields.number).toBe(1_199)
  expect(tail.lines().length).toBeLessThan(700)
})

test('the lines of the time before a kill are still there, but for one that was cut', async () => {
  const first = opened()
  await first.keepIn(first.directory)
  first.log.info({}, 'before')
  await first.close()
  appendFileSync(first.path, '{"time":"2026-11-23T09:00:00.000Z","level":"info","msg":"cu')

  const { log, keepIn, close, tail, directory } = opened(first.directory)
  await keepIn(directory)
  log.info({}, 'after')
  await close()

  expect(await messagesIn(directory)).toEqual(['before', 'after'])
  expect(tail.lines().map(({ message }) => message)).toEqual(['before', 'after'])
})

test('a file that is none of ours costs lines and nothing else', async () => {
  const elsewhere = temporaryDirectory()
  const own = join(elsewhere, 'mine')
  writeFileSync(own, 'mine')
  const odd: readonly ((path: string) => void)[] = [
    (path) => symlinkSync(own, path),
    (path) => mkdirSync(path),
    (path) => writeFileSync(path, `\0\xff not JSON\n{"level":30}\n[]\n{"time":1,"level":"info","msg":2}\n`),
    (path) => writeFileSync(path, 'x'.repeat(900_000)),
    (path) => rmSync(join(path, '..'), { recursive: true }),
  ]
  for (const make of odd) {
    const { log, keepIn, close, tail, directory, path } = opened()
    make(path)
    await keepIn(directory)
    log.info({}, 'line')
    await close()
    expect(tail.lines().map(({ message }) => message)).toEqual(['line'])
  }
  expect(textOf(own)).toBe('mine')
})

test('of a flood some lines are kept, and how many were left out', async () => {
  const { log, observer, keepIn, close, directory } = opened()
  await keepIn(directory)
  for (let count = 0; count < 900; count++) {
    log.info({}, 'line')
    observer.requestFinished?.(call)
  }

  await close()

  const messages = await messagesIn(directory)
  expect(messages.filter((message) => message === 'line')).toHaveLength(500)
  expect(messages.filter((message) => message === 'request finished')).toHaveLength(200)
  expect((await readLines(directory)).at(-1)).toContain('"leftOut":1100')
})

mountTest('a full disk costs lines, leaves its last room alone, and takes lines again', async () => {
  using disk = smallDisk(8)
  const { log, keepIn, close, tail, directory, path } = opened(disk.path)
  await keepIn(directory)
  log.info({}, 'before')
  await close()

  disk.fill()
  log.info({}, 'lost')
  await close()
  expect(textOf(path)).not.toContain('lost')
  disk.makeRoom()
  log.info({}, 'after')
  await close()

  expect(await messagesIn(directory)).toEqual(['before', 'after'])
  expect(tail.lines().map(({ message }) => message)).toEqual(['before', 'lost', 'after'])
})
