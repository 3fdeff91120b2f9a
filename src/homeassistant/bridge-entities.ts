/**
 * The bridge as a device of Home Assistant: its connection, its accounts, requests for all. Values in, a device out.
 *
 * The accounts stand here and not as devices of their own: an account is no thing in the house.
 */

import { accountStatuses, type BlinkId } from '../domain/model.ts'
import { logLevels } from '../domain/ports.ts'
import type { Topics } from '../topics/topics.ts'
import {
  attributesTemplate,
  bridgeId,
  type Component,
  type Components,
  type Device,
  type Discovering,
  entity,
  valueTemplate,
} from './documents.ts'

const bridgeEvents = ['sync_module_found', 'sync_module_gone', 'sync_module_renamed', 'tick_done']

/** All of the account's state but `state` itself, a name that Home Assistant keeps for itself. */
const accountAttributes = attributesTemplate({
  since: 'value_json.since',
  detail: 'value_json.detail',
  retry_at: 'value_json.retry_at',
})

/** Home Assistant before 2026.6 ignores it; newer ones do not press a button for a daemon that was away. */
const pressExpirySeconds = 30

/** The bridge with these accounts. */
export function bridgeDevice(
  topics: Topics,
  { installId, version }: Discovering,
  accounts: readonly BlinkId[],
): Device {
  const objectId = bridgeId(installId)
  const own = (component: string, name: string) => ({
    uniqueId: `${objectId}_${component}`,
    slug: `blink_manifestd_${component}`,
    name,
  })
  const several = accounts.length > 1
  return {
    objectId,
    about: {
      name: 'Blink Manifest Bridge',
      manufacturer: 'blink-manifestd',
      model: 'Bridge',
      sw_version: version,
    },
    availability: [topics.bridgeState],
    components: {
      // Without availability of its own: else it would be unavailable where it should show that it is off.
      connection: entity(
        'binary_sensor',
        { ...own('connection', 'Connection'), category: 'diagnostic' },
        {
          device_class: 'connectivity',
          state_topic: topics.bridgeState,
          value_template: valueTemplate('value'),
          payload_on: 'online',
          payload_off: 'offline',
          availability: [],
        },
      ),
      event: entity(
        'event',
        { ...own('event', 'Event'), category: 'diagnostic', hidden: true },
        { state_topic: topics.bridgeEvent, event_types: bridgeEvents, availability: [] },
      ),
      last_restart: entity(
        'sensor',
        { ...own('last_restart', 'Last restart'), category: 'diagnostic', hidden: true },
        {
          device_class: 'timestamp',
          state_topic: topics.bridgeInfo,
          value_template: valueTemplate('value_json.started_at'),
        },
      ),
      request_all: pressed(own('request_all', 'Request all'), {
        icon: 'mdi:cloud-download-outline',
        command_topic: `${topics.base}/bridge/request/manifest/request`,
      }),
      rescan: pressed(
        { ...own('rescan', 'Rescan'), category: 'diagnostic' },
        { icon: 'mdi:magnify-scan', command_topic: `${topics.base}/bridge/request/rescan` },
      ),
      log_level: entity(
        'select',
        { ...own('log_level', 'Log level'), category: 'config', icon: 'mdi:text-long' },
        {
          options: logLevels,
          state_topic: topics.bridgeInfo,
          value_template: valueTemplate('value_json.log_level'),
          command_topic: `${topics.base}/bridge/request/options`,
          command_template: '{"log_level": "{{ value }}"}',
        },
      ),
      ...Object.fromEntries(
        accounts.flatMap((id) => Object.entries(accountComponents(topics, id, { own, several }))),
      ),
    },
  }
}

function pressed(about: Parameters<typeof entity>[1], keys: Readonly<Record<string, unknown>>): Component {
  return entity('button', about, {
    payload_press: '{}',
    message_expiry_interval: pressExpirySeconds,
    ...keys,
  })
}

/** The component by which an account is shown. */
export function accountComponent(id: BlinkId): string {
  return `account_${id}`
}

interface Naming {
  readonly own: (component: string, name: string) => Parameters<typeof entity>[1]
  /** Whether names need the account's id. */
  readonly several: boolean
}

function accountComponents(topics: Topics, id: BlinkId, { own, several }: Naming): Components {
  const state_topic = topics.accountState(id)
  const named = (text: string) => (several ? `${text} ${id}` : text)
  return {
    [accountComponent(id)]: entity(
      'sensor',
      {
        ...own(accountComponent(id), named('Account')),
        category: 'diagnostic',
        icon: 'mdi:account-key-outline',
      },
      {
        device_class: 'enum',
        options: accountStatuses,
        state_topic,
        value_template: valueTemplate('value_json.state'),
        json_attributes_topic: state_topic,
        json_attributes_template: accountAttributes,
      },
    ),
    [`throttled_${id}`]: entity(
      'binary_sensor',
      { ...own(`throttled_${id}`, named('Throttled')), category: 'diagnostic' },
      {
        device_class: 'problem',
        state_topic,
        value_template: valueTemplate("'ON' if value_json.state == 'throttled' else 'OFF'"),
      },
    ),
  }
}
