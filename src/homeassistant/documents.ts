/**
 * How Home Assistant's MQTT discovery is spoken: one retained document for each device. Values in, messages out.
 *
 * A key that Home Assistant does not know costs the whole document when it stands at the root, and vanishes
 * without a word in a component; so all documents are made here, and tests hold them against its tables. Ids are
 * made of the installation's id and Blink's ids only: with names or the base topic in them, a renamed
 * module would come back as a second device.
 */
import type { ClipCamera } from '../domain/clip.ts'
import type { Message, ModuleKey } from '../domain/model.ts'
import { json } from '../domain/text.ts'
import { plain } from '../topics/topics.ts'

/** What all documents of one daemon have in common. */
export interface Discovering {
  /** The topic below which Home Assistant looks. */
  readonly prefix: string
  readonly installId: string
  readonly version: string
}

/** A component of a document: an entity or a device trigger. */
export type Component = { readonly platform: string } & Readonly<Record<string, unknown>>
export type Components = Readonly<Record<string, Component>>

/** One device as its document describes it. */
export interface Device {
  /** Names the document's topic, and the device. */
  readonly objectId: string
  /** What is known of the device; absent values are left out. */
  readonly about: Readonly<Record<string, unknown>>
  /** Topics that must all be `online` for the device to be available. */
  readonly availability: readonly string[]
  readonly components: Components
}

/** The name by which we know our own documents again. */
export const originName = 'blink-manifestd'

/** The bridge's device, and the beginning of the names of all our devices. */
export function bridgeId(installId: string): string {
  return `blink_manifestd_${installId}`
}

/** A sync module's device. */
export function moduleId(installId: string, { accountId, networkId, syncModuleId }: ModuleKey): string {
  return `${bridgeId(installId)}_${accountId}_${networkId}_${syncModuleId}`
}

/** A camera's device. */
export function cameraId(installId: string, { accountId, networkId, camera }: ClipCamera): string {
  return `${bridgeId(installId)}_${accountId}_${networkId}_camera_${camera.replace('/', '_')}`
}

/** Whether a device is one of this installation's. */
export function isOurs(installId: string, objectId: string): boolean {
  return objectId === bridgeId(installId) || objectId.startsWith(`${bridgeId(installId)}_`)
}

/** The installation that a device belongs to by its name, or `undefined` when it is none of this program's. */
export function installIdIn(objectId: string): string | undefined {
  return /^blink_manifestd_([0-9a-f]{8})(?:_\w+)?$/.exec(objectId)?.[1]
}

/** Where the document of a device stands. */
function discoveryTopic(prefix: string, objectId: string): string {
  return `${prefix}/device/${objectId}/config`
}

/** The filter for the documents of all devices, other programs' among them. */
export function discoveryFilter(prefix: string): string {
  return `${prefix}/device/+/config`
}

/** The device a document's topic names, or `undefined` for any other topic. */
export function objectIdOf(prefix: string, topic: string): string | undefined {
  const [stem, end] = [`${prefix}/device/`, '/config']
  if (!topic.startsWith(stem) || !topic.endsWith(end)) return undefined
  const name = topic.slice(stem.length, -end.length)
  return name === '' || name.includes('/') ? undefined : name
}

/** The document of a device. */
export function discoveryDocument({ prefix, version }: Discovering, device: Device): Message {
  const payload = json({
    device: { identifiers: [device.objectId], ...device.about },
    origin: { name: originName, sw_version: version },
    availability: device.availability.map((topic) => ({ topic })),
    availability_mode: 'all',
    components: Object.fromEntries(Object.entries(device.components).map(withQos)),
  })
  return { ...plain(discoveryTopic(prefix, device.objectId), payload), json: true }
}

/**
 * Home Assistant before 2026.5.2 ignores the `qos` of the whole document, and subscribes and commands with QoS 0.
 *
 * @see home-assistant/core#170166
 */
function withQos([id, component]: readonly [string, Component]): readonly [string, Component] {
  const isMarker = Object.keys(component).length === 1
  return [id, isMarker ? component : { ...component, qos: 1 }]
}

/**
 * A value template. An empty payload clears a topic, and becomes the word by which Home Assistant knows that there is
 * no value; anything else would be a warning in its log.
 */
export function valueTemplate(expression: string): string {
  return `{{ (${expression}) if value else 'None' }}`
}

/** An attributes template; where `condition` does not hold, there are no attributes. */
export function attributesTemplate(
  expressions: Readonly<Record<string, string>>,
  condition = 'value',
): string {
  const entries = Object.entries(expressions).map(([name, expression]) => `'${name}': ${expression}`)
  return `{{ {${entries.join(', ')}} | to_json if ${condition} else '{}' }}`
}

/** Takes a device out of Home Assistant. */
export function clearedDocument(prefix: string, objectId: string): Message {
  return plain(discoveryTopic(prefix, objectId), '')
}

/**
 * The components with a marker for each that is no longer there, or `undefined` when there is none of them.
 *
 * Leaving a component out does not remove it; a component of which only the platform is left does.
 */
export function withMarkers(before: Components, now: Components): Components | undefined {
  const gone = Object.entries(before).filter(([id, { platform }]) => now[id]?.platform !== platform)
  if (gone.length === 0) return undefined
  const markers = gone.map(([id, { platform }]) => [id, { platform }] as const)
  return { ...now, ...Object.fromEntries(markers) }
}

/** What an entity of ours has besides its platform's own keys. */
export interface Entity {
  /** The device and, behind it, the component: permanent, for it is what Home Assistant knows the entity by. */
  readonly uniqueId: string
  /** Name part of the entity id that a new entity gets: lower case letters, digits and underscores. */
  readonly slug: string
  /** Shown behind the device's name. */
  readonly name: string
  readonly category?: 'diagnostic' | 'config'
  readonly icon?: string
  /** True for values that few want to see. */
  readonly hidden?: boolean
}

/** An entity with its platform's own keys. */
export function entity(
  platform: string,
  { uniqueId, slug, name, category, icon, hidden }: Entity,
  keys: Readonly<Record<string, unknown>>,
): Component {
  return {
    platform,
    unique_id: uniqueId,
    default_entity_id: `${platform}.${slug}`,
    name,
    ...(category && { entity_category: category }),
    ...(icon !== undefined && { icon }),
    ...(hidden && { enabled_by_default: false }),
    ...keys,
  }
}

const longestName = 100

/**
 * An owner's text as a device's name: one line of visible characters, not longer than a screen is wide.
 *
 * `undefined` when nothing visible is left.
 */
export function readableName(text: string | undefined, longest = longestName): string | undefined {
  const line = text
    ?.toWellFormed()
    .replaceAll(/[\p{C}\p{Z}]+/gu, (found) => (/^\p{Cf}+$/u.test(found) ? found : ' '))
  const visible = line?.trim() ?? ''
  if (visible === '' || !/[^\p{C}\p{Z}\p{M}]/u.test(visible)) return undefined
  return [...visible].slice(0, longest).join('').trim()
}
