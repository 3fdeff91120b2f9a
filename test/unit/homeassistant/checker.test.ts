/** The checker finds what Home Assistant would warn about: each fault alone, in an otherwise good document. */
import { expect, test } from 'vitest'
import { clearedWhileRead } from '../../support/acceptance.ts'
import { check, checkAll, type Json } from '../../support/checker.ts'
import { bridgeDocument, moduleDocument } from '../../support/ha-documents.ts'
import { aModule } from '../../support/samples.ts'
import { render } from '../../support/template.ts'

const good = moduleDocument(aModule())
type Root = { components: Record<string, Json>; device: Json } & Record<string, unknown>

function broken(change: (root: Root) => unknown): string[] {
  const root = JSON.parse(good.payload) as Root
  change(root)
  return check({ ...good, payload: JSON.stringify(root) })
}

const set = (id: string, keys: Json) => (root: Root) => {
  root.components[id] = { ...root.components[id], ...keys }
}

const faults: readonly (readonly [finding: string, change: (root: Root) => unknown])[] = [
  ['root: root.key ~', (root) => Object.assign(root, { '~': 'x' })],
  ['root: root.key message_expiry_interval', (root) => Object.assign(root, { message_expiry_interval: 5 })],
  ['root: root.required', (root) => delete root.origin],
  ['root: availability_mode', (root) => Object.assign(root, { availability_mode: 'latest' })],
  ['origin: origin.key url', (root) => Object.assign(root.origin as object, { url: 'https://x' })],
  ['device: device.key sn', (root) => Object.assign(root.device, { sn: '1' })],
  ['device: device.name', (root) => Object.assign(root.device, { name: 'a\nb' })],
  ['device: device.identifiers', (root) => Object.assign(root.device, { identifiers: [] })],
  ['x: platform', (root) => Object.assign(root.components, { x: { name: 'X' } })],
  ['a b: component.id', (root) => Object.assign(root.components, { 'a b': root.components.event })],
  ['status: unique_id', set('status', { unique_id: 'a b' })],
  ['status: default_entity_id', set('status', { default_entity_id: 'switch.x' })],
  ['status: key.unknown object_id', set('status', { object_id: 'x' })],
  ['status: name', set('status', { name: '' })],
  ['status: qos', set('status', { qos: undefined })],
  ['request_now: qos', set('request_now', { qos: 0 })],
  ['trg_failed: qos', set('trg_failed', { qos: undefined })],
  ['root: qos', (root) => Object.assign(root, { qos: 1 })],
  ['requested_at: xref.empty ', set('requested_at', { value_template: undefined })],
  ['request_id: xref.empty unknown', set('request_id', { value_template: "{{ value or 'unknown' }}" })],
  ['status: xref.empty undefined', set('status', { value_template: '{{ value_json.status }}' })],
  ['polling: xref.empty OFF', set('polling', { value_template: "{{ 'ON' if value else 'OFF' }}" })],
  ['status: xref.empty attributes', set('status', { json_attributes_template: undefined })],
  ['trg_failed: xref.empty undefined', set('trg_failed', { value_template: '{{ value_json.event_type }}' })],
  ['status: null icon', set('status', { icon: null })],
  ['status: topic state_topic', set('status', { state_topic: 'a/+' })],
  ['status: template.syntax value_template', set('status', { value_template: '{{ x | y }}' })],
  ['status: options', set('status', { options: [] })],
  ['status: device_class', set('status', { device_class: 'mood' })],
  ['status: entity_category', set('status', { entity_category: 'config' })],
  ['latency: unit', set('latency', { unit_of_measurement: 'kg' })],
  ['request_id: unit', set('request_id', { unit_of_measurement: 'id' })],
  ['requested_at: state_class', set('requested_at', { state_class: 'measurement' })],
  ['event: event_types', set('event', { event_types: [] })],
  ['event: key.required state_topic', set('event', { state_topic: undefined })],
  ['request_now: retain', set('request_now', { retain: true })],
  ['request_now: availability', set('request_now', { availability_topic: 'x' })],
  ['trg_failed: key.unknown unique_id', set('trg_failed', { unique_id: 'x' })],
]

for (const [finding, change] of faults) {
  test(`a document is found to be wrong: ${finding}`, () => {
    expect(broken(change)).toContain(finding)
  })
}

test('a good document has no findings, and neither has a marker', () => {
  expect(check(good)).toEqual([])
  expect(broken((root) => Object.assign(root.components, { old: { platform: 'sensor' } }))).toEqual([])
})

test('two documents with one unique id, or without their device, are found', () => {
  expect(checkAll([bridgeDocument(), good, good])).toContain('all: unique_id.repeat')
  expect(checkAll([good])).toContain('device: device.via')
  expect(check({ ...good, topic: 'homeassistant/device/a b/config' })).toContain('topic: topic.form')
  expect(check({ ...good, payload: '[]' })).toContain('message: payload.json')
})

test('templates print as Home Assistant does, and report what has no value', () => {
  expect(render('{{ value_json.a.b }}', '{"a":{"b":5}}')).toBe('5')
  expect(render('{{ value_json.a }}', '{"a":true}')).toBe('True')
  expect(render('{{ value_json.a }}', '{}')).toBeUndefined()
  expect(render("{{ 'ON' if value_json.a == 'x' else 'OFF' }}", '{"a":"x"}')).toBe('ON')
  expect(render("{{ 'ON' if value_json.a in ['x', 'y'] else 'OFF' }}", '{"a":"z"}')).toBe('OFF')
  expect(render("{{ 'R' if value_json.a == 'u' else value_json.a or 'none' }}", '{"a":null}')).toBe('none')
  expect(render("{{ value or 'none' }}", '')).toBe('none')
  expect(render("{{ (value_json.a) if value else 'None' }}", '')).toBe('None')
  expect(render('{{ value_json.a }}', '')).toBeUndefined()
  expect(render("{{ value if not value_json.b | default(false) else 'x' }}", '{"a":1}')).toBe('{"a":1}')
  expect(render("{{ value if not value_json.b else 'x' }}", '{"a":1}')).toBeUndefined()
  expect(render("{{ {'a': value_json[-1].b} | to_json if value_json else '{}' }}", '[{"b":1},{"b":2}]')).toBe(
    '{"a":2}',
  )
  expect(render('{{ value_json.a[:2] }}', '{"a":"xyz"}')).toBe('xy')
})

test('a topic that is cleared before the document that reads it is found', () => {
  const removed = { ...good, payload: '' }
  const state = { topic: 'blink-manifestd/sync/8021/44107/350221/state', payload: '' }

  expect(clearedWhileRead([good, state, removed])).toEqual([`${state.topic} of ${good.topic}`])
  expect(clearedWhileRead([good, removed, state])).toEqual([])
})
