/**
 * Whether Home Assistant would accept what stands on a component's topics: the value that its template makes of it.
 */
import type { Message } from '../../src/domain/model.ts'
import { documentOf, isObject, type Json } from './checker.ts'
import { reservedAttributes } from './tables.ts'
import { isTemplate, render } from './template.ts'

/** A component with the name of its device's document. */
export interface Placed {
  readonly place: string
  readonly component: Json
  readonly root: Json
}

export function componentsOf(messages: readonly Message[]): readonly Placed[] {
  return messages.flatMap((message) => {
    const root = documentOf(message) ?? {}
    const components = isObject(root.components) ? root.components : {}
    return Object.entries(components).flatMap(([id, component]) =>
      isObject(component) ? { place: `${message.topic} ${id}`, component, root } : [],
    )
  })
}

/** What is wrong with the values of a component, given the newest payload of each topic. */
export function refusals(
  { place, component, root }: Placed,
  newest: (topic: string) => string | undefined,
): string[] {
  const found: string[] = []
  const { state_topic: topic, value_template: template } = component
  if (typeof topic === 'string' && component.platform !== 'event') {
    const payload = newest(topic)
    if (payload === undefined) found.push(`${place}: nothing is published on ${topic}`)
    else {
      const value = typeof template === 'string' ? render(template, payload) : payload
      if (value === undefined) found.push(`${place}: xref.template ${payload}`)
      else if (!accepts(component, value)) found.push(`${place}: xref.value ${value}`)
    }
  }
  const { json_attributes_topic: attributes } = component
  if (typeof attributes === 'string')
    found.push(...attributeFaults({ place, component, root }, newest(attributes)))
  const availability = component.availability ?? root.availability
  for (const entry of Array.isArray(availability) ? availability : []) {
    const payload = isObject(entry) ? newest(String(entry.topic)) : undefined
    if (payload !== 'online' && payload !== 'offline') found.push(`${place}: xref.availability ${payload}`)
  }
  return found
}

/** The attributes that a payload gives an entity, or `undefined` where Home Assistant cannot read them. */
export function attributesOf({ component }: Placed, payload: string): Json | undefined {
  const { json_attributes_template: template } = component
  const text = typeof template === 'string' ? render(template, payload) : payload
  try {
    const value: unknown = JSON.parse(text ?? '')
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function attributeFaults(placed: Placed, payload: string | undefined): string[] {
  const attributes = attributesOf(placed, payload ?? '')
  if (payload === undefined || !attributes) return [`${placed.place}: xref.attributes`]
  const dropped = Object.keys(attributes).filter((name) => reservedAttributes.includes(name))
  return dropped.map((name) => `${placed.place}: attribute.reserved ${name}`)
}

/**
 * What is wrong with a component when its topics are emptied, as they are when a request ID has expired, a device is
 * removed, or a person clears one: it must come to what Home Assistant takes for no value, without a word in its log.
 */
export function emptyFaults(placed: Placed): string[] {
  const { place, component } = placed
  const { state_topic: topic, topic: trigger, value_template: template } = component
  const found: string[] = []
  if ((topic ?? trigger) !== undefined && (template === undefined || isTemplate(template))) {
    const value = typeof template === 'string' ? render(template, '') : ''
    if (value === undefined || !isNothing(component, value)) found.push(`${place}: xref.empty ${value}`)
  }
  if (component.json_attributes_topic !== undefined) {
    const attributes = attributesOf(placed, '')
    if (!attributes || Object.keys(attributes).length > 0) found.push(`${place}: xref.empty attributes`)
  }
  return found
}

/** What the platform takes for no value. */
function isNothing({ platform, payload }: Json, value: string): boolean {
  if (platform === 'event') return ['', 'None', '{}'].includes(value)
  if (platform === 'device_automation') return value !== payload
  // An empty text is no moment and no option, and to a sensor without a class it is a state.
  return value === 'None'
}

/** What Home Assistant shows of an entity, or `unavailable`. */
export function stateOf({ component, root }: Placed, newest: (topic: string) => string | undefined): string {
  const availability = component.availability ?? root.availability
  const topics = Array.isArray(availability) ? availability.map(({ topic }: { topic: string }) => topic) : []
  if (!topics.every((topic) => newest(topic) === 'online')) return 'unavailable'
  const payload = newest(String(component.state_topic))
  if (payload === undefined) return 'unknown'
  const { value_template: template } = component
  const value = typeof template === 'string' ? render(template, payload) : payload
  return value === undefined || value === 'None' ? 'unknown' : value
}

/** Whether the platform takes this value without a complaint. */
function accepts(component: Json, value: string): boolean {
  const {
    platform,
    device_class: deviceClass,
    options,
    unit_of_measurement: unit,
    state_class: kind,
  } = component
  const choice = Array.isArray(options) ? options : undefined
  if (value === 'None') return true
  if (value.length > 255) return false
  switch (platform) {
    case 'binary_sensor':
      return [component.payload_on ?? 'ON', component.payload_off ?? 'OFF'].includes(value)
    case 'switch':
      return [component.state_on ?? 'ON', component.state_off ?? 'OFF'].includes(value)
    case 'select':
      return choice?.includes(value) ?? false
    case 'sensor':
      if (choice) return choice.includes(value)
      if (deviceClass === 'timestamp') return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
      if (unit !== undefined || kind !== undefined) return /^\d+$/.test(value)
      return true
    default:
      return true
  }
}

/** Cleared while its device is there: a request ID and its list end, all else goes with the device. */
const mayEnd = /\/(?:request_id|requested_at|manifest\/pending)$/

/** The topics that were cleared, in the order of the messages, while a document still read them. */
export function clearedWhileRead(messages: readonly Pick<Message, 'topic' | 'payload'>[]): string[] {
  const readers = new Map<string, ReadonlySet<string>>()
  return messages.flatMap(({ topic, payload }) => {
    if (topic.endsWith('/config')) readers.set(topic, topicsIn(payload))
    else if (payload === '' && !mayEnd.test(topic)) {
      return [...readers].flatMap(([document, read]) => (read.has(topic) ? [`${topic} of ${document}`] : []))
    }
    return []
  })
}

function topicsIn(document: string): ReadonlySet<string> {
  const strings: string[] = []
  JSON.parse(document || 'null', (key, value: unknown) => {
    if (key.endsWith('topic') && typeof value === 'string') strings.push(value)
    return value
  })
  return new Set(strings)
}
