/**
 * Judges a discovery message as Home Assistant would: what it would drop, refuse, strip or warn about.
 *
 * Any finding is a failure, a mere warning too: validation gets stricter with every release. Each finding is
 * `<place>: <short name>`.
 */
import type { Message } from '../../src/domain/model.ts'
import { emptyFaults } from './acceptance.ts'
import { checkEntity } from './entity-checks.ts'
import { deviceKeys, originKeys, platforms, rootKeys } from './tables.ts'

export type Json = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const isText = (value: unknown): value is string => typeof value === 'string'
/** A topic that can be subscribed to by itself and published on. */
export const isTopic = (value: unknown) => isText(value) && value !== '' && !/[+#\0]/.test(value)
/** One line of visible characters. */
const isLabel = (value: unknown) =>
  isText(value) && /^[^\p{Cc}\p{Cs}]+$/u.test(value) && value.trim() === value

/** The document, or `undefined` when the payload is none. */
export function documentOf({ payload }: Message): Json | undefined {
  try {
    const value: unknown = JSON.parse(payload)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const topicForm = /^[^+#]+\/device\/(?:[a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+\/config$/

/** What is wrong with one document. */
export function check(message: Message): string[] {
  const found: string[] = []
  if (!topicForm.test(message.topic)) found.push('topic: topic.form')
  if (!message.retain) found.push('message: retain')
  if (Buffer.byteLength(message.payload) > 64 * 1024) found.push('message: size')
  const root = documentOf(message)
  if (!root) return [...found, 'message: payload.json']
  const { device, origin, components } = root
  if (!isObject(device) || !isObject(origin) || !isObject(components))
    return [...found, 'root: root.required']
  const allowed: readonly string[] = [...rootKeys.required, ...rootKeys.optional]
  found.push(...unknownKeys('root', root, allowed, 'root.key'))
  found.push(...checkAvailability('root', root))
  if (root.qos !== undefined) found.push('root: qos')
  found.push(...checkDevice(device), ...checkOrigin(origin))
  if (Object.keys(components).length === 0) found.push('components: root.required')
  for (const [id, component] of Object.entries(components)) {
    if (!isObject(component) || !isText(component.platform)) found.push(`${id}: platform`)
    else found.push(...checkComponent(id, component, root))
  }
  return found
}

/** What is wrong with the documents of one daemon taken together. */
export function checkAll(messages: readonly Message[]): string[] {
  const roots = messages.flatMap((message): readonly Json[] => {
    const root = documentOf(message)
    return root ? [root] : []
  })
  const devices = roots.map(({ device }) => (isObject(device) ? device : {}))
  const known = new Set(devices.flatMap(({ identifiers }) => (Array.isArray(identifiers) ? identifiers : [])))
  const components = roots.flatMap((root) => Object.values(isObject(root.components) ? root.components : {}))
  const ids = components.flatMap((one) => (isObject(one) && isText(one.unique_id) ? one.unique_id : []))
  const slugs = components.flatMap((one) => (isObject(one) && one.default_entity_id) || [])
  return [
    ...messages.flatMap(check),
    ...(new Set(ids).size < ids.length ? ['all: unique_id.repeat'] : []),
    ...(new Set(slugs).size < slugs.length ? ['all: default_entity_id.repeat'] : []),
    ...devices.flatMap(({ via_device }) =>
      via_device && !known.has(via_device) ? ['device: device.via'] : [],
    ),
  ]
}

function checkDevice(device: Json): string[] {
  const { identifiers, connections, ...texts } = device
  const found = unknownKeys('device', device, deviceKeys, 'device.key')
  const named = Array.isArray(identifiers) && identifiers.length > 0 && identifiers.every(isText)
  if (!named && connections === undefined) found.push('device: device.identifiers')
  if (!isLabel(device.name)) found.push('device: device.name')
  for (const [key, value] of Object.entries(texts)) {
    if (!isLabel(value) || String(value).length > 255) found.push(`device: device.${key}`)
  }
  return found
}

function checkOrigin(origin: Json): string[] {
  const found = unknownKeys('origin', origin, originKeys, 'origin.key')
  if (!isLabel(origin.name)) found.push('origin: origin.name')
  if (origin.sw_version !== undefined && !isLabel(origin.sw_version)) found.push('origin: origin.sw_version')
  return found
}

function checkComponent(id: string, component: Json, root: Json): string[] {
  const platform = platforms[String(component.platform)]
  if (!platform) return [`${id}: platform`]
  if (!/^[a-zA-Z0-9_-]+$/.test(id)) return [`${id}: component.id`]
  // Only the platform is left: a marker, which removes the component.
  if (Object.keys(component).length === 1) return []
  const isHeard = Object.keys(component).some((key) => /(^|_)topic$/.test(key))
  const clash = root.availability !== undefined && component.availability_topic !== undefined
  return [
    ...(clash ? [`${id}: availability`] : []),
    // At the root it has no effect before Home Assistant 2026.5.2.
    ...(isHeard && component.qos !== 1 ? [`${id}: qos`] : []),
    ...checkAvailability(id, component),
    ...emptyFaults({ place: id, component, root }),
    ...checkEntity(id, component, platform),
  ]
}

function checkAvailability(place: string, { availability, availability_mode: mode }: Json): string[] {
  if (availability === undefined) return []
  if (!Array.isArray(availability)) return [`${place}: availability`]
  const found: string[] = []
  const allowed = ['topic', 'payload_available', 'payload_not_available', 'value_template']
  for (const entry of availability) {
    if (!isObject(entry) || !isTopic(entry.topic)) found.push(`${place}: availability`)
    else found.push(...unknownKeys(place, entry, allowed, 'availability'))
  }
  if (availability.length > 1 && mode !== 'all') found.push(`${place}: availability_mode`)
  return found
}

export function unknownKeys(place: string, value: Json, allowed: readonly string[], name: string): string[] {
  return Object.keys(value).flatMap((key) => (allowed.includes(key) ? [] : [`${place}: ${name} ${key}`]))
}
