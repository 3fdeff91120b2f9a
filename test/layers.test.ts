/** The walls of the house stand; and each rule finds the case that breaks it. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findings } from './layers.ts'

const root = join(import.meta.dirname, '..')

test('the files of this project keep the rules of the house', () => {
  const paths = globSync('{src,test}/**/*.ts', { cwd: root }).map((path) => path.replaceAll('\\', '/'))
  const texts = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

  expect(texts.length).toBeGreaterThan(50)
  expect(findings(texts)).toEqual([])
})

/** What is found in a file of this text. */
const inFile = (path: string, text: string) => findings([{ path, text }])

const good: readonly (readonly [path: string, text: string])[] = [
  ['src/model.ts', `import type { Secret } from './secret.ts'`],
  ['src/payload.ts', `import { iso } from './clock.ts'`],
  ['src/tick.ts', `import { pauseBeforeRetry } from './retry.ts'`],
  ['src/blink/cloud.ts', `import { a } from './wire.ts'\nimport { b } from '../errors.ts'`],
  ['src/config.ts', `import { a } from './config/schema.ts'\nimport convict from 'convict'`],
  ['src/config/schema.ts', `import type { a } from '../config.ts'`],
  ['src/daemon.ts', `import { a } from './daemon/account.ts'\nimport { b } from './mqtt/broker.ts'`],
  ['src/daemon/account.ts', `import { a } from '../tick.ts'`],
  ['src/main.ts', `const a = await import('./commands/run.ts')\nrun(process.env, process.argv)`],
  ['src/commands/demo.ts', `import { a } from '../simulator/simulator.ts'\nimport { b } from '../daemon.ts'`],
  ['src/simulator/cloud.ts', `import { a } from './answer.ts'\nimport { createServer } from 'node:http'`],
  [
    'src/clock.ts',
    `import { randomBytes } from 'node:crypto'\nexport const now = () => Date.now() + Math.random()`,
  ],
  ['src/retry.ts', `const a = new Date(5)\nconst b = Date.parse('x')\nconst c = x instanceof Date`],
  ['src/blink/http.ts', `clock.randomBytes(4)\ninterface A { setTimeout(): void }\nconst at: Date = f()`],
  ['src/blink/wire.ts', `const a: ReadonlyMap<string, number> = new Map()\nconst b = [...new Set([1])]`],
  ['src/blink/region.ts', `export function f() { let a = 1; const b = new Map(); return [a, b] }`],
  ['src/store/files.ts', `import { inspect } from 'node:util'\nconst id = process.pid`],
  [
    'test/a.test.ts',
    `test.skip('x [skipped: no broker here]', f)\n// No socket on this system.\ntest.skip('y', f)`,
  ],
  ['test/a.test.ts', `test.skipIf(process.getuid?.() === 0)('x', f)`],
  ['test/b.test.ts', `import { connect } from 'mqtt'\nsetTimeout(f, 1)\nlet a = process.env.CI`],
  ['src/blink/long.ts', '\n'.repeat(400)],
]

for (const [path, text] of good) {
  test(`${path} may hold: ${text.slice(0, 60).trim().replaceAll('\n', '; ') || 'so many lines'}`, () => {
    expect(inFile(path, text)).toEqual([])
  })
}

const bad: readonly (readonly [path: string, text: string, found: string])[] = [
  ['src/errors.ts', `import { a } from './model.ts'`, 'another room on its floor'],
  ['src/model.ts', `import { a } from './errors.ts'`, 'another room on its floor'],
  ['src/history.ts', `import { a } from './retry.ts'`, 'another room on its floor'],
  ['src/deliver.ts', `import type { a } from './tick.ts'`, 'another room on its floor'],
  ['src/clock.ts', `import { a } from './payload.ts'`, 'a floor above'],
  ['src/retry.ts', `import { a } from './store/ledger.ts'`, 'a floor above'],
  ['src/tick.ts', `import type { a } from './mqtt/topics.ts'`, 'a floor above'],
  ['src/blink/cloud.ts', `import { a } from '../mqtt/topics.ts'`, 'another room on its floor'],
  ['src/log.ts', `import { a } from './config.ts'`, 'another room on its floor'],
  ['src/config/schema.ts', `import { a } from '../log.ts'`, 'another room on its floor'],
  ['src/store/ledger.ts', `import { a } from '../daemon/view.ts'`, 'a floor above'],
  ['src/mqtt/broker.ts', `export { a } from '../config.ts'`, 'another room on its floor'],
  ['src/mqtt/topics.ts', `type A = import('../config.ts').A`, 'another room on its floor'],
  ['src/daemon.ts', `const a = await import('./commands/run.ts')`, 'a floor above'],
  ['src/daemon/view.ts', `const a = await import(name)`, 'only running tells'],
  ['src/daemon/view.ts', `import { a } from '../../test/world.ts'`, 'no place in the house'],
  ['src/daemon.ts', `import { a } from './simulator/simulator.ts'`, 'imports the simulator'],
  ['src/simulator/cloud.ts', `import type { a } from '../model.ts'`, 'shares nothing'],
  ['src/extra.ts', '', 'no place on a floor'],
  ['src/extra/a.ts', '', 'no place on a floor'],
  ['src/model/a.ts', '', 'no place on a floor'],
  ['src/blink/cloud.ts', `import { Agent } from 'undici'`, 'door of another file'],
  ['src/mqtt/topics.ts', `import type { IClientOptions } from 'mqtt'`, 'door of another file'],
  ['src/mqtt/broker.ts', `import aedes from 'aedes'`, 'door of another file'],
  ['src/daemon.ts', `import { parse } from 'node-cron'`, 'door of another file'],
  ['src/store/outbox.ts', `import { DatabaseSync } from 'node:sqlite'`, 'door of another file'],
  ['src/daemon.ts', `const p = await import('pino-pretty')`, 'door of another file'],
  ['src/log.ts', `import convict from 'convict'`, 'door of another file'],
  ['src/daemon.ts', `import { Command } from 'commander'`, 'door of another file'],
  ['src/mqtt/happenings.ts', `import { v7 } from 'uuid'`, 'door of another file'],
  ['src/tick.ts', `import { setTimeout as sleep } from 'node:timers/promises'`, 'door of another file'],
  ['src/config.ts', `import { env } from 'node:process'`, 'door of another file'],
  ['src/config.ts', `const s = process.getBuiltinModule('node:sqlite')`, 'door of another file'],
  ['src/tick.ts', 'const a = Date.now()', 'reads Date'],
  ['src/tick.ts', 'const a = new Date()', 'reads Date'],
  ['src/tick.ts', 'const { now } = Date', 'reads Date'],
  ['src/tick.ts', 'const a = Date()', 'reads Date'],
  ['src/tick.ts', 'setTimeout(f, 1)', 'reads setTimeout'],
  ['src/tick.ts', 'globalThis.setInterval(f, 1)', 'reads globalThis.setInterval'],
  ['src/tick.ts', 'const a = { setTimeout }', 'reads setTimeout'],
  ['src/retry.ts', 'const a = Math.random()', 'reads Math.random'],
  ['src/retry.ts', `const a = Math['random']()`, 'reads Math.random'],
  ['src/tick.ts', 'performance.now()', 'reads performance'],
  ['src/tick.ts', 'AbortSignal.timeout(5)', 'reads AbortSignal.timeout'],
  ['src/blink/session.ts', `import { randomUUID } from 'node:crypto'`, 'reads randomUUID'],
  ['src/blink/session.ts', 'crypto.randomUUID()', 'reads crypto.randomUUID'],
  ['src/simulator/cloud.ts', 'Date.now()', 'reads Date'],
  ['src/blink/cloud.ts', `await fetch('https://x')`, 'reads fetch'],
  ['src/config.ts', 'const a = process.env.HOME', 'reads process.env'],
  ['src/commands/run.ts', `const a = process['argv']`, 'reads process.argv'],
  ['src/config.ts', 'const { env } = process', 'reads process'],
  ['src/blink/cloud.ts', 'let cached = 0', 'keeps state'],
  ['src/blink/cloud.ts', 'export var cached = 0', 'keeps state'],
  ['src/blink/cloud.ts', 'const cache = new Map<string, number>()', 'keeps a collection'],
  ['src/blink/cloud.ts', 'export const all = { seen: new Set() }', 'keeps a collection'],
  ['src/blink/utils.ts', '', 'named for nothing'],
  ['src/blink/http-helper.ts', '', 'named for nothing'],
  ['test/misc/a.ts', '', 'named for nothing'],
  ['src/blink/http.ts', 'export class ConnectionManager {}', 'names nothing'],
  ['src/blink/http.ts', 'export const httpUtils = 1', 'names nothing'],
  ['src/blink/http.ts', `const a = env.NODE_ENV === 'test'`, 'knows that it is tested'],
  ['src/blink/http.ts', 'if (import.meta.env.VITEST) f()', 'knows that it is tested'],
  ['src/blink/http.ts', '\n'.repeat(401), 'longer than 400 lines'],
  ['test/a.test.ts', `${'\n'.repeat(400)}x`, 'longer than 400 lines'],
  ['test/a.test.ts', `test.skip('x', f)`, 'skips without a reason'],
  ['test/a.test.ts', `it.todo('x')`, 'skips without a reason'],
  ['test/a.test.ts', `// Because.\ntest.only('x', f)`, 'runs only this'],
]

for (const [path, text, found] of bad) {
  test(`${path} may not hold: ${text.slice(0, 60).trim() || path} (${found})`, () => {
    expect(inFile(path, text)).toEqual([expect.stringMatching(new RegExp(`^${path}:\\d+: .*${found}`))])
  })
}

test('a finding names its line', () => {
  expect(inFile('src/tick.ts', 'const a = 1\n\nconst b = Date.now()')).toEqual(['src/tick.ts:3: reads Date'])
})
