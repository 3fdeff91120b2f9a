/**
 * A sync module as a device of Home Assistant: its request IDs, how it does, ask it now. Values in, a device out.
 *
 * What explains why a module is away stays visible while it is away: those entities look at the bridge alone. The
 * event looks at nothing, since an event entity that comes back from "unavailable" fires rules again.
 */
import type { StorageStatus, SyncModule } from '../model.ts'
import {
  bridgeId,
  type Component,
  type Components,
  type Device,
  type Discovering,
  entity,
  moduleId,
  readableName,
} from './home-assistant.ts'
import type { ModuleStatus } from './module-state.ts'
import type { Topics } from './topics.ts'

const moduleEvents = ['manifest_requested', 'manifest_request_failed', 'manifest_request_skipped']

const statuses: readonly ModuleStatus[] = ['idle', 'backoff', 'paused', 'unsupported', 'offline', 'error']

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

const storageTemplate =
  "{{ 'removed' if value_json.storage_status == 'unavailable' else value_json.storage_status or 'unknown' }}"
const problemTemplate = "{{ 'ON' if value_json.status in ['backoff', 'offline', 'error'] else 'OFF' }}"

/** Blink's type strings, as far as they are known to belong to a product. */
const models: Readonly<Record<string, string>> = { sm1: 'Sync Module', sm2: 'Sync Module 2' }

/** The module as a device below the bridge's. */
export function moduleDevice(topics: Topics, { installId }: Discovering, module: SyncModule): Device {
  const objectId = moduleId(installId, module)
  const stem = topics.module(module)
  const { name, model, firmware, serial, syncModuleId } = module
  const modelId = readableName(model)
  const sw = readableName(firmware)
  const sn = readableName(serial)
  const components = {
    ...requestComponents(objectId, stem, syncModuleId),
    ...conditionComponents(objectId, { stem, syncModuleId, bridge: topics.bridgeState }),
    trg_requested: trigger(stem, 'manifest_requested'),
    trg_failed: trigger(stem, 'manifest_request_failed'),
  }
  return {
    objectId,
    about: {
      name: deviceName(readableName(name) ?? `Sync Module ${syncModuleId}`, components),
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

/**
 * A name that is the beginning of none of its entities' names.
 *
 * Home Assistant complains of entities whose names begin with that of their device, and cuts it off: of a module
 * called "Last", the last request would be just "request".
 */
function deviceName(name: string, components: Components): string {
  const names = Object.values(components).map((component) => String(component.name ?? ''))
  return names.some((other) => other.startsWith(name)) ? `Sync Module ${name}` : name
}

function naming(objectId: string, syncModuleId: string) {
  return (component: string, name: string) => ({
    uniqueId: `${objectId}_${component}`,
    slug: `blink_sync_${syncModuleId}_${component}`,
    name,
  })
}

/** What rules and dashboards are about. */
function requestComponents(objectId: string, stem: string, syncModuleId: string): Components {
  const own = naming(objectId, syncModuleId)
  return {
    event: entity('event', own('event', 'Manifest request'), {
      state_topic: `${stem}/event`,
      event_types: moduleEvents,
      availability: [],
    }),
    request_id: entity(
      'sensor',
      { ...own('request_id', 'Last request ID'), icon: 'mdi:identifier' },
      // Empty when the id has expired. No unit and no state class: it names something and measures nothing.
      { state_topic: `${stem}/request_id`, value_template: "{{ value or 'unknown' }}" },
    ),
    requested_at: entity('sensor', own('requested_at', 'Last request'), {
      device_class: 'timestamp',
      state_topic: `${stem}/requested_at`,
    }),
    request_now: entity(
      'button',
      { ...own('request_now', 'Request now'), icon: 'mdi:cloud-download-outline' },
      // Home Assistant before 2026.6 ignores the expiry; newer ones do not press for a daemon that was away.
      { command_topic: `${stem}/set/request_now`, payload_press: 'PRESS', message_expiry_interval: 30 },
    ),
  }
}

interface Place {
  readonly stem: string
  readonly syncModuleId: string
  /** The bridge's state topic. */
  readonly bridge: string
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
        value_template: "{{ 'OFF' if value_json.paused else 'ON' }}",
        command_topic: `${stem}/set/polling`,
      },
    ),
    status: entity(
      'sensor',
      { ...own('status', 'Status'), category: diagnostic },
      {
        ...always,
        device_class: 'enum',
        options: statuses,
        value_template: '{{ value_json.status }}',
        json_attributes_topic: `${stem}/state`,
      },
    ),
    problem: entity(
      'binary_sensor',
      { ...own('problem', 'Problem'), category: diagnostic },
      { ...always, device_class: 'problem', value_template: problemTemplate },
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
      { ...always, state_class: 'total_increasing', value_template: '{{ value_json.requests_total }}' },
    ),
    latency: entity(
      'sensor',
      { ...own('latency', 'Latency'), category: diagnostic, hidden: true },
      {
        ...always,
        device_class: 'duration',
        unit_of_measurement: 'ms',
        state_class: 'measurement',
        value_template: '{{ value_json.latency_ms }}',
      },
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
    value_template: '{{ value_json.event_type }}',
  }
}
