/** What the guides name is there: topics, entities, files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { matches } from '../src/mqtt/subscriptions.ts'
import { componentsOf } from './home-assistant/acceptance.ts'
import { bridgeDocument, moduleDocument } from './mqtt/ha-documents.ts'
import { aModule } from './samples.ts'

const docs = join(import.meta.dirname, '..', 'docs')
const read = (name: string) => readFileSync(join(docs, name), 'utf8')
const guides = readdirSync(docs).filter((name) => /\.(md|json)$/.test(name))

const topics = [
  ...['manifest/requested', 'manifest/pending', 'event', 'request_id', 'state'],
  ...['set/request_now', 'set/polling'],
].map((name) => `blink-manifestd/sync/8021/44107/350221/${name}`)
const bridge = ['manifest/request', 'rescan', 'pause', 'resume', 'options', 'health'].flatMap((verb) => [
  `blink-manifestd/bridge/request/${verb}`,
  `blink-manifestd/bridge/response/${verb}`,
])

test('every topic in the guides is one that is published or listened to', () => {
  const named = guides.flatMap(
    (name) => read(name).match(/blink-manifestd\/(?:sync|bridge)\/[\w+#/]+/g) ?? [],
  )
  // Whichever account, network and sync module an example is about.
  const general = named.map((filter) => filter.replace(/sync\/\d+\/\d+\/\d+/, 'sync/8021/44107/350221'))
  const unknown = general.filter((filter) => ![...topics, ...bridge].some((topic) => matches(filter, topic)))

  expect(named.length).toBeGreaterThan(5)
  expect(unknown).toEqual([])
})

test('every entity in the guide for Home Assistant is one that is discovered under that id', () => {
  const documents = [bridgeDocument(['8021']), moduleDocument(aModule())]
  const ids = new Set(componentsOf(documents).map(({ component }) => component.default_entity_id))
  const named =
    read('home-assistant.md').match(/\b(?:sensor|switch|button|binary_sensor|event)\.blink_\w+/g) ?? []

  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((id) => !ids.has(id))).toEqual([])
})

test('the examples in YAML and JSON can be read', () => {
  const blocks = [...read('home-assistant.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, text = '']) => text,
  )
  const input = { tag: '!input', resolve: (name: string) => ({ input: name }) }

  for (const text of blocks) expect(parse(text)).toBeTypeOf('object')
  expect(parse(read('blueprints/manifest-requested.yaml'), { customTags: [input] })).toMatchObject({
    blueprint: { domain: 'automation' },
    triggers: [{ trigger: 'mqtt', topic: '{{ base }}/sync/+/+/{{ module }}/manifest/requested' }],
    actions: { input: 'actions' },
  })
  expect(JSON.parse(read('node-red-flow.json'))).toBeInstanceOf(Array)
})
