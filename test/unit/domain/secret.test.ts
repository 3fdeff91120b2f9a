import { format, inspect } from 'node:util'
import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/domain/secret.ts'

test('a secret is revealed only to who asks for it by name', () => {
  expect(new Secret('abc').reveal()).toBe('abc')
})

test('whatever prints a secret prints that it is one', () => {
  const secret = new Secret('abc')

  expect([
    `${secret}`,
    String(secret),
    JSON.stringify(secret),
    format('%s', secret),
    inspect(secret),
  ]).toEqual(['[secret]', '[secret]', '"[secret]"', '[secret]', '[secret]'])
})

test('no way of looking into an object shows a secret in it', () => {
  const text = fc.string({ minLength: 9 }).map((end) => `hush-${end}`)
  fc.assert(
    fc.property(text, (hushed) => {
      const login = { token: new Secret(hushed) }
      const lines: string[] = []
      pino({}, { write: (line: string) => lines.push(line) }).info({ login, ...login, err: login }, 'line')

      const views = [
        JSON.stringify({ ...login, copy: { ...login.token } }),
        inspect(login, { showHidden: true, depth: 9, customInspect: false, getters: true }),
        format('%o %O %j', login, login, login),
        Object.getOwnPropertyNames(login.token).join(),
        JSON.stringify(Object.entries(login.token)),
        JSON.stringify(structuredClone({ ...login.token })),
        ...lines,
      ]

      for (const view of views) expect(view).not.toContain('hush-')
    }),
    { numRuns: 20 },
  )
})
