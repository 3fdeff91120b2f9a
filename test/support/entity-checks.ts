/** Judges one component of a discovery document by the tables of its platform. */
import { isObject, isText, isTopic, type Json, unknownKeys } from './checker.ts'
import { commonKeys, type Platform, readOnlyPlatforms, stateClasses, textClasses, unitsOf } from './tables.ts'
import { isTemplate } from './template.ts'

export function checkEntity(id: string, component: Json, platform: Platform): string[] {
  const found: string[] = []
  const own = [...platform.required, ...platform.optional]
  const allowed = platform.isEntity === false ? ['platform', ...own] : [...commonKeys, ...own]
  found.push(...unknownKeys(id, component, allowed, 'key.unknown'))
  for (const key of platform.required)
    if (component[key] === undefined) found.push(`${id}: key.required ${key}`)
  for (const [key, value] of Object.entries(component)) {
    if (value === null) found.push(`${id}: null ${key}`)
    if (key.endsWith('topic') && !isTopic(value)) found.push(`${id}: topic ${key}`)
    if (key.endsWith('template') && !isTemplate(value)) found.push(`${id}: template.syntax ${key}`)
  }
  if (component.retain === true) found.push(`${id}: retain`)
  if ('object_id' in component) found.push(`${id}: entity.object_id`)
  if (platform.isEntity === false) return found
  return [...found, ...checkNames(id, component), ...checkValues(id, component, platform)]
}

function checkNames(id: string, component: Json): string[] {
  const {
    platform,
    name,
    unique_id: uniqueId,
    default_entity_id: entityId,
    entity_category: category,
  } = component
  const found: string[] = []
  if (!isText(uniqueId) || !/^[a-zA-Z0-9_-]+$/.test(uniqueId)) found.push(`${id}: unique_id`)
  if (!isText(entityId) || !new RegExp(`^${platform}\\.[a-z0-9]+(_[a-z0-9]+)*$`).test(entityId)) {
    found.push(`${id}: default_entity_id`)
  }
  if (!isText(name) || name === '') found.push(`${id}: name`)
  if (category !== undefined && category !== 'diagnostic' && category !== 'config') {
    found.push(`${id}: entity_category`)
  }
  if (category === 'config' && readOnlyPlatforms.includes(String(platform)))
    found.push(`${id}: entity_category`)
  if (component.icon !== undefined && !/^mdi:[a-z0-9-]+$/.test(String(component.icon)))
    found.push(`${id}: icon`)
  return found
}

function checkValues(id: string, component: Json, platform: Platform): string[] {
  const { device_class: deviceClass, unit_of_measurement: unit, state_class: stateClass, options } = component
  const found: string[] = []
  const name = isText(deviceClass) ? deviceClass : undefined
  if (deviceClass !== undefined && !platform.deviceClasses?.includes(name ?? ''))
    found.push(`${id}: device_class`)
  const units = name === undefined ? undefined : unitsOf[name]
  if (units && !units.includes(String(unit))) found.push(`${id}: unit`)
  // Without a class a unit may be any text; ours have only this one.
  const isShare = name === undefined && unit === '%'
  if (!units && unit !== undefined && !isShare) found.push(`${id}: unit`)
  if (stateClass !== undefined && !stateClasses.includes(String(stateClass))) found.push(`${id}: state_class`)
  if (name !== undefined && textClasses.includes(name) && stateClass !== undefined)
    found.push(`${id}: state_class`)
  if (name === 'enum' && !isChoice(options)) found.push(`${id}: options`)
  if (component.platform === 'sensor' && name !== 'enum' && options !== undefined)
    found.push(`${id}: options`)
  if (component.platform === 'select' && !isChoice(options)) found.push(`${id}: options`)
  if (component.platform === 'event' && !isChoice(component.event_types)) found.push(`${id}: event_types`)
  const { message_expiry_interval: expiry } = component
  if (expiry !== undefined && !(Number.isInteger(expiry) && Number(expiry) > 0)) found.push(`${id}: expiry`)
  if (isObject(component.device) || isObject(component.origin)) found.push(`${id}: key.unknown`)
  return found
}

function isChoice(options: unknown): boolean {
  return (
    Array.isArray(options) &&
    options.length > 0 &&
    options.every((option) => isText(option) && option !== '') &&
    new Set(options).size === options.length
  )
}
