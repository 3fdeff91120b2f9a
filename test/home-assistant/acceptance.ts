/**
 * Whether Home Assistant would accept what stands on a component's topics: the value that its template makes of it.
 */
import type { Message } from '../../src/model.ts'
import { documentOf, isObject, type Json } from './checker.ts'
import { render } from './template.ts'

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
    // An empty payload clears the topic; what is left is no value.
    else if (payload !== '' || template !== undefined) {
      const value = typeof template === 'string' ? render(template, payload) : payload
      if (value === undefined) found.push(`${place}: xref.template ${payload}`)
      else if (!accepts(component, value)) found.push(`${place}: xref.value ${value}`)
    }
  }
  const attributes = component.json_attributes_topic
  if (typeof attributes === 'string' && !isObject(JSON.parse(newest(attributes) ?? 'null'))) {
    found.push(`${place}: xref.attributes`)
  }
  const availability = component.availability ?? root.availability
  for (const entry of Array.isArray(availability) ? availability : []) {
    const payload = isObject(entry) ? newest(String(entry.topic)) : undefined
    if (payload !== 'online' && payload !== 'offline') found.push(`${place}: xref.availability ${payload}`)
  }
  return found
}

/** What Home Assistant shows of an entity, or `unavailable`. */
export function stateOf({ component, root }: Placed, newest: (topic: string) => string | undefined): string {
  const availability = component.availability ?? root.availability
  const topics = Array.isArray(availability) ? availability.map(({ topic }: { topic: string }) => topic) : []
  if (!topics.every((topic) => newest(topic) === 'online')) return 'unavailable'
  const payload = newest(String(component.state_topic))
  if (payload === undefined) return 'unknown'
  const { value_template: template } = component
  return (typeof template === 'string' ? render(template, payload) : payload) ?? 'unknown'
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
      if (unit !== undefined || kind !== undefined) return value === 'None' || /^\d+$/.test(value)
      return true
    default:
      return true
  }
}
