import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settingsTable } from '../../support/settings-table.ts'

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')

test('the README lists every setting as the schema has it', () => {
  const section = /<!-- settings:[^>]*-->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readme)?.[1]

  expect(section).toBe(settingsTable())
})

test('the README shows only commands that the package has', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    scripts: Record<string, string>
  }
  const run = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name ?? '')

  expect(run.length).toBeGreaterThan(0)
  expect(run.filter((name) => !(name in scripts))).toEqual([])
})
