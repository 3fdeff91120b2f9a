import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settings as described } from '../../../src/config/schema.ts'
import { load, nowhere } from '../../support/place.ts'

const path = join(import.meta.dirname, '../../../config/example.yaml')
const text = readFileSync(path, 'utf8')
/** The example with every setting that is commented out switched on. */
const complete: Record<string, unknown> = parse(text.replace(/^(\s*)#(?=\S)/gm, '$1'))

function at(name: string): unknown {
  const [section = '', key] = name.split('.')
  const value = complete[section]
  return key === undefined ? value : Object(value)[key]
}

test('the example as it is comes to the defaults', () => {
  expect(load({ configPath: path }).settings).toEqual(load().settings)
  expect(load({ configPath: path }).warnings).toEqual([])
})

test('the example leaves alone what the system may say better', () => {
  const env = { TZ: 'Europe/Berlin', STATE_DIRECTORY: '/var/lib/x' }
  const { settings } = load({ configPath: path, env, cwd: nowhere })

  expect([settings.schedule.timezone, settings.dataDir]).toEqual(['Europe/Berlin', '/var/lib/x'])
})

test('the example holds every setting and no other', () => {
  const names = Object.entries(complete).flatMap(([section, inner]) =>
    typeof inner === 'object' && inner !== null
      ? Object.keys(inner).map((key) => `${section}.${key}`)
      : [section],
  )

  expect(names).toEqual(described.map(({ name }) => name))
})

test.for(described)('the example gives $name its default, its reason and its variable', (setting) => {
  const key = setting.name.replace(/.*\./, '')
  const block = text.split('\n\n').find((part) => part.includes(`# ${setting.env}\n`)) ?? ''
  const [comment = ''] = block.split(new RegExp(`^\\s*#?${key}:`, 'm'))

  if (setting.default !== undefined) expect(at(setting.name)).toEqual(setting.default)
  expect(block).toMatch(new RegExp(`\\n\\s*#?${key}:`))
  expect(comment.replace(/\s*\n\s*# /g, ' ')).toContain(setting.doc)
})

test('no line of the example is longer than a terminal shows', () => {
  expect(text.split('\n').filter((line) => line.length > 110)).toEqual([])
})
