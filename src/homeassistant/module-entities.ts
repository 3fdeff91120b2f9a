/**
 * A sync module as a device of Home Assistant: its request IDs, its state, a request now. Values in, a device out.
 *
 * What explains why a module is away stays visible while it is away: those entities look at the bridge alone. The
 * event looks at nothing, since an event entity that comes back from "unavailable" fires rules again.
 */
import type { StorageStatus, SyncModule } from '../domain/model.ts'
import { moduleStatuses } from '../topics/state-topics.ts'
import type { Topics } from '../topics/topics.ts'
import {
  attributesTemplate,
  bridgeId,
  type Component,
  type Components,
  type Device,
  type Discovering,
  entity,
  moduleId,
  readableName,
  valueTemplate,
} from './documents.ts'

/** All that come on `event`, also where manifests are followed: Home Assistant complains of every other. */
const moduleEvents = [
  ...['manifest_requested', 'manifest_request_failed', 'manifest_request_skipped'],
  ...['manifest_ready', 'manifest_failed', 'clip_failed'],
]

/** What the cloud calls unavailable is a drive that was taken out. */
const storages: readonly (Exclude<StorageStatus, 'unavailable'> | 'removed')[] = [
  'active',
  'memory_full',
  'format_required',
  'unmounted',
  'removed',
  'incompatible',
  'unknown',
]

const storageTemplate = valueTemplate(
  "'removed' if value_json.storage_status == 'unavailable' else value_json.storage_status or 'unknown'",
)
/** A drive that was pulled is a problem; a module that can have none is not. */
const problemTemplate = valueTemplate(
  "'ON' if value_json.status in ['backoff', 'offline', 'error'] or value_json.last_outcome == 'no_storage' else 'OFF'",
)
/** Home Assistant drops a state of more than 255 characters. */
const errorTemplate = valueTemplate(
  "value_json.last_error.message[:250] if value_json.last_error else 'None'",
)
/** Only what changes rarely: the recorder writes a row whenever an attribute is not as it was. */
const statusAttributes = attributesTemplate({
  last_outcome: 'value_json.last_outcome',
  error_code: 'value_json.last_error.code if value_json.last_error else none',
})
/** Of the newest request ID that has not expired. */
const requestAttributes = attributesTemplate(
  { expires_at: 'value_json[-1].expires_at', poll_path: 'value_json[-1].poll_path' },
  'value and value_json',
)
/** A module that is skipped for the same reason at each run would change the entity, and the recorder, at each run. */
const eventTemplate = "{{ value if value and not value_json.repeated | default(false) else 'None' }}"

/** Blink's own number: from 3 on a drive is nearly full. Where nobody has read it, nothing is known. */
const nearlyFullTemplate = valueTemplate(
  "'None' if value_json.storage_warning | default(none) == none else 'OFF' if value_json.storage_warning in [0, 1, 2] else 'ON'",
)

/** Of a device's name that has two parts. */
const longestPart = 60

/** Blink's type strings, as far as they are known to belong to a product. */
const models: Readonly<Record<string, string>> = { sm1: 'Sync Module', sm2: 'Sync Module 2' }

export interface ModuleDeviceOptions {
  /** True adds the network, because modules of two networks may have one name. */
  readonly severalNetworks: boolean
  /** Whether manifests are followed, so that it is known what is on the stick. */
  readonly follows: boolean
}

/** The module as a device below the bridge's. */
export function moduleDevice(
  topics: Topics,
  { installId }: Discovering,
  module: SyncModule,
  { severalNetworks, follows }: ModuleDeviceOptions,
): Device {
  const objectId = moduleId(installId, module)
  const stem = topics.module(module)
  const { model, firmware, serial, syncModuleId } = module
  const modelId = readableName(model)
  const sw = readableName(firmware)
  const sn = readableName(serial)
  const place = { stem, syncModuleId, bridge: topics.bridgeState }
  const components = {
    ...requestComponents(objectId, place),
    ...conditionComponents(objectId, place),
    ...(follows && stickComponents(objectId, place)),
    trg_requested: trigger(stem, 'manifest_requested'),
    trg_failed: trigger(stem, 'manifest_request_failed'),
  }
  return {
    objectId,
    about: {
      name: deviceName(module, severalNetworks),
      manufacturer: 'Blink',
      model: (model !== undefined && Object.hasOwn(models, model) && models[model]) || 'Sync Module',
      ...(modelId !== undefined && { model_id: modelId }),
      ...(sw !== undefined && { sw_version: sw }),
      ...(sn !== undefined && { serial_number: sn }),
      via_device: bridgeId(installId),
    },
    availability: [topics.bridgeState, `${stem}/availability`],
    components,
  }
}

function deviceName({ name, networkName, syncModuleId }: SyncModule, severalNetworks: boolean): string {
  const own = (longest?: number) => readableName(name, longest) ?? `Sync Module ${syncModuleId}`
  const network = severalNetworks ? readableName(networkName, longestPart) : undefined
  return network === undefined || own().includes(network) ? own() : `${own(longestPart)} (${network})`
}

function naming(objectId: string, syncModuleId: string) {
  return (component: string, name: string) => ({
    uniqueId: `${objectId}_${component}`,
    slug: `blink_sync_${syncModuleId}_${component}`,
    name,
  })
}

interface Place {
  readonly stem: string
  readonly syncModuleId: string
  /** The bridge's state topic. */
  readonly bridge: string
}

/** What rules and dashboards are about. */
function requestComponents(objectId: string, { stem, syncModuleId, bridge }: Place): Components {
  const own = naming(objectId, syncModuleId)
  const always = { availability: [{ topic: bridge }] }
  return {
    event: entity('event', own('event', 'Manifest request'), {
      state_topic: `${stem}/event`,
      event_types: moduleEvents,
      value_template: eventTemplate,
      availability: [],
    }),
    request_id: entity(
      'sensor',
      { ...own('request_id', 'Last request ID'), icon: 'mdi:identifier' },
      // No unit and no state class: it names something and measures nothing.
      {
        ...always,
        state_topic: `${stem}/request_id`,
        value_template: valueTemplate('value'),
        json_attributes_topic: `${stem}/manifest/pending`,
        json_attributes_template: requestAttributes,
      },
    ),
    requested_at: entity('sensor', own('requested_at', 'Last request'), {
      ...always,
      device_class: 'timestamp',
      state_topic: `${stem}/requested_at`,
      value_template: valueTemplate('value'),
    }),
    next_request: entity('sensor', own('next_request', 'Next request'), {
      ...always,
      device_class: 'timestamp',
      state_topic: `${stem}/state`,
      value_template: valueTemplate('value_json.next_attempt_at'),
    }),
    request_now: entity(
      'button',
      { ...own('request_now', 'Request now'), icon: 'mdi:cloud-download-outline' },
      // Home Assistant before 2026.6 ignores the expiry; newer ones do not press for a daemon that was away.
      { command_topic: `${stem}/set/request_now`, payload_press: 'PRESS', message_expiry_interval: 30 },
    ),
  }
}

/** How the module does; all of it visible while the module is away. */
function conditionComponents(objectId: string, { stem, syncModuleId, bridge }: Place): Components {
  const own = naming(objectId, syncModuleId)
  const diagnostic = 'diagnostic' as const
  const always = { state_topic: `${stem}/state`, availability: [{ topic: bridge }] }
  return {
    polling: entity(
      'switch',
      { ...own('polling', 'Scheduled requests'), category: 'config', icon: 'mdi:calendar-clock' },
      {
        ...always,
        value_template: valueTemplate("'OFF' if value_json.paused else 'ON'"),
        command_topic: `${stem}/set/polling`,
      },
    ),
    status: entity(
      'sensor',
      { ...own('status', 'Status'), category: diagnostic },
      {
        ...always,
        device_class: 'enum',
        options: moduleStatuses,
        value_template: valueTemplate('value_json.status'),
        json_attributes_topic: `${stem}/state`,
        json_attributes_template: statusAttributes,
      },
    ),
    problem: entity(
      'binary_sensor',
      { ...own('problem', 'Problem'), category: diagnostic },
      { ...always, device_class: 'problem', value_template: problemTemplate },
    ),
    last_error: entity(
      'sensor',
      { ...own('last_error', 'Last error'), category: diagnostic, icon: 'mdi:alert-circle-outline' },
      { ...always, value_template: errorTemplate },
    ),
    storage: entity(
      'sensor',
      { ...own('storage', 'Storage'), category: diagnostic, icon: 'mdi:usb-flash-drive-outline' },
      {
        ...always,
        state_topic: `${stem}/info`,
        device_class: 'enum',
        options: storages,
        value_template: storageTemplate,
      },
    ),
    requests: entity(
      'sensor',
      { ...own('requests', 'Requests'), category: diagnostic, hidden: true },
      {
        ...always,
        state_class: 'total_increasing',
        value_template: valueTemplate('value_json.requests_total'),
      },
    ),
    latency: entity(
      'sensor',
      { ...own('latency', 'Latency'), category: diagnostic, hidden: true },
      {
        ...always,
        device_class: 'duration',
        unit_of_measurement: 'ms',
        state_class: 'measurement',
        value_template: valueTemplate('value_json.latency_ms'),
      },
    ),
  }
}

/** What is on the stick; known where manifests are followed. */
function stickComponents(objectId: string, { stem, syncModuleId, bridge }: Place): Components {
  const own = naming(objectId, syncModuleId)
  const diagnostic = 'diagnostic' as const
  const counted = {
    availability: [{ topic: bridge }],
    state_topic: `${stem}/clips`,
    state_class: 'measurement',
  }
  const always = { availability: [{ topic: bridge }], state_topic: `${stem}/info` }
  return {
    clips_waiting: entity(
      'sensor',
      { ...own('clips_waiting', 'Clips waiting'), icon: 'mdi:tray-arrow-down' },
      { ...counted, value_template: valueTemplate('value_json.new') },
    ),
    clips_on_stick: entity(
      'sensor',
      { ...own('clips_on_stick', 'Clips on stick'), icon: 'mdi:filmstrip-box-multiple' },
      { ...counted, value_template: valueTemplate('value_json.count') },
    ),
    storage_used: entity(
      'sensor',
      { ...own('storage_used', 'Storage used'), category: diagnostic, icon: 'mdi:harddisk' },
      {
        ...always,
        unit_of_measurement: '%',
        state_class: 'measurement',
        value_template: valueTemplate('value_json.storage_used_percent | default(none)'),
      },
    ),
    storage_nearly_full: entity(
      'binary_sensor',
      { ...own('storage_nearly_full', 'Storage nearly full'), category: diagnostic },
      { ...always, device_class: 'problem', value_template: nearlyFullTemplate },
    ),
  }
}

/** For rules that are made by clicking: "when Garage: manifest requested". */
function trigger(stem: string, eventType: string): Component {
  return {
    platform: 'device_automation',
    automation_type: 'trigger',
    type: eventType,
    subtype: 'sync_module',
    topic: `${stem}/event`,
    payload: eventType,
    value_template: valueTemplate('value_json.event_type'),
  }
}
