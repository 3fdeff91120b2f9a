/** What the guides name is there: topics, entities, files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { matches } from '../../../src/mqtt/subscriptions.ts'
import { componentsOf } from '../../support/acceptance.ts'
import { bridgeDocument, cameraDocument, moduleDocument } from '../../support/ha-documents.ts'
import { aModule } from '../../support/samples.ts'

const docs = join(import.meta.dirname, '..', '..', '..', 'docs')
const read = (name: string) => readFileSync(join(docs, name), 'utf8')
const guides = readdirSync(docs).filter((name) => /\.(md|json)$/.test(name))

const topics = [
  ...['manifest/requested', 'manifest/pending', 'event', 'request_id', 'state'],
  ...['set/request_now', 'set/polling'],
].map((name) => `blink-manifestd/sync/8021/44107/350221/${name}`)
const cameras = ['610003', 'unknown/0badcafe'].map(
  (camera) => `blink-manifestd/camera/8021/44107/${camera}/clip/new`,
)
const discovered = () => {
  const camera = { ...aModule(), camera: '610003', cameraName: 'FrontDoor', moved: false }
  const documents = [
    bridgeDocument(['8021']),
    moduleDocument(aModule(), { follows: true }),
    cameraDocument(camera),
  ]
  return componentsOf(documents).map(({ component }) => component)
}
const bridge = ['manifest/request', 'clips/sync', 'rescan', 'pause', 'resume', 'options', 'health'].flatMap(
  (verb) => [`blink-manifestd/bridge/request/${verb}`, `blink-manifestd/bridge/response/${verb}`],
)

test('every topic in the guides is one that is published or listened to', () => {
  const named = guides.flatMap(
    (name) => read(name).match(/blink-manifestd\/(?:sync|bridge|camera)\/[\w+#/]+/g) ?? [],
  )
  // Whichever account, network and sync module an example is about.
  const general = named.map((filter) => filter.replace(/sync\/\d+\/\d+\/\d+/, 'sync/8021/44107/350221'))
  const unknown = general.filter(
    (filter) => ![...topics, ...bridge, ...cameras].some((topic) => matches(filter, topic)),
  )

  expect(named.length).toBeGreaterThan(5)
  expect(unknown).toEqual([])
})

test('every entity in the guide for Home Assistant is discovered under that id', () => {
  const ids = new Set(discovered().map((component) => component.default_entity_id))
  const named =
    read('home-assistant.md').match(/\b(?:sensor|switch|button|binary_sensor|event)\.blink_\w+/g) ?? []

  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((id) => !ids.has(id))).toEqual([])
})

interface Automation {
  readonly triggers?: readonly Readonly<Record<string, unknown>>[]
  readonly actions?: readonly Readonly<Record<string, unknown>>[]
}

const yamlIn = (text: string) => [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
const input = { tag: '!input', resolve: (name: string) => ({ input: name }) }
const blueprint = (name = 'manifest-requested') =>
  parse(read(`blueprints/${name}.yaml`), { customTags: [input] }) as Automation

/** Every automation that a person might copy, the blueprint with its defaults. */
function automations(): readonly Automation[] {
  const texts = [
    ...yamlIn(read('home-assistant.md')),
    ...yamlIn(readFileSync(join(docs, '../README.md'), 'utf8')),
  ]
  const copied = texts.flatMap((text) => {
    const value = parse(text) as Automation | readonly Automation[] | { readonly automation: Automation[] }
    return 'automation' in value ? value.automation : value
  })
  return [...copied, blueprint(), blueprint('clip-notification')]
}

test('no message comes twice: filters of the automations and topics of entities do not overlap', () => {
  const filters = automations().flatMap(({ triggers = [] }) =>
    triggers.flatMap(({ topic }) =>
      typeof topic === 'string' ? topic.replace('{{ base }}', 'blink-manifestd') : [],
    ),
  )
  const topicsRead = discovered().flatMap((component) =>
    ['state_topic', 'topic', 'json_attributes_topic'].flatMap((key) => component[key] ?? []),
  )
  const subscribed = [...new Set([...filters, ...topicsRead.map(String)])]
  const twice = [...topics, ...topicsRead.map(String)].filter(
    (topic) => subscribed.filter((filter) => matches(filter, topic)).length > 1,
  )

  expect(filters.length).toBeGreaterThan(2)
  expect(twice).toEqual([])
})

test('an automation uses what every Home Assistant has, and an event entity only for events', () => {
  const actions = automations().flatMap(({ actions = [] }) => (Array.isArray(actions) ? actions : []))
  const onEvents = automations()
    .flatMap(({ triggers = [] }) => triggers)
    .filter(({ entity_id: id }) => String(id).startsWith('event.'))

  expect(actions.map(({ action }) => action)).not.toContain('notify.notify')
  expect(onEvents.length).toBeGreaterThan(0)
  for (const trigger of onEvents) {
    expect(trigger).toMatchObject({ not_from: ['unavailable'], not_to: ['unavailable', 'unknown'] })
  }
})

test('the examples in YAML and JSON can be read', () => {
  for (const text of yamlIn(read('home-assistant.md'))) expect(parse(text)).toBeTypeOf('object')
  expect(blueprint()).toMatchObject({ blueprint: { homeassistant: { min_version: '2024.11.0' } } })
  expect(blueprint()).toMatchObject({
    blueprint: { domain: 'automation' },
    triggers: [{ trigger: 'mqtt', topic: '{{ base }}/sync/+/+/+/manifest/requested' }],
    actions: { input: 'actions' },
  })
  expect(blueprint('clip-notification')).toMatchObject({
    blueprint: { domain: 'automation', homeassistant: { min_version: '2024.11.0' } },
    triggers: [
      { entity_id: { input: 'clip' }, not_from: ['unavailable'], not_to: ['unavailable', 'unknown'] },
    ],
    variables: { notify_action: { input: 'notify_action' } },
  })
  expect(JSON.parse(read('node-red-flow.json'))).toBeInstanceOf(Array)
})
