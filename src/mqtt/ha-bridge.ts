/**
 * The bridge as a device of Home Assistant: is it connected, may it ask, ask now. Values in, a device out.
 *
 * The accounts stand here and not as devices of their own: an account is no thing in the house.
 */
import type { AccountStatus, BlinkId } from '../model.ts'
import { logLevels } from './commands.ts'
import {
  bridgeId,
  type Component,
  type Components,
  type Device,
  type Discovering,
  entity,
} from './home-assistant.ts'
import type { Topics } from './topics.ts'

const accountStatuses: readonly AccountStatus[] = [
  'ok',
  'login_required',
  'two_factor_required',
  'throttled',
  'unreachable',
]

const bridgeEvents = ['sync_module_found', 'sync_module_gone', 'sync_module_renamed', 'tick_done']

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
      // Without availability of its own: else it would be unavailable where it should say that it is off.
      connection: entity(
        'binary_sensor',
        { ...own('connection', 'Connection'), category: 'diagnostic' },
        {
          device_class: 'connectivity',
          state_topic: topics.bridgeState,
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
          value_template: '{{ value_json.started_at }}',
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
          value_template: '{{ value_json.log_level }}',
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

interface Naming {
  readonly own: (component: string, name: string) => Parameters<typeof entity>[1]
  /** Whether names must tell one account from another. */
  readonly several: boolean
}

function accountComponents(topics: Topics, id: BlinkId, { own, several }: Naming): Components {
  const state_topic = topics.accountState(id)
  const named = (text: string) => (several ? `${text} ${id}` : text)
  return {
    [`account_${id}`]: entity(
      'sensor',
      { ...own(`account_${id}`, named('Account')), category: 'diagnostic', icon: 'mdi:account-key-outline' },
      {
        device_class: 'enum',
        options: accountStatuses,
        state_topic,
        value_template: '{{ value_json.state }}',
        json_attributes_topic: state_topic,
      },
    ),
    [`throttled_${id}`]: entity(
      'binary_sensor',
      { ...own(`throttled_${id}`, named('Throttled')), category: 'diagnostic' },
      {
        device_class: 'problem',
        state_topic,
        value_template: "{{ 'ON' if value_json.state == 'throttled' else 'OFF' }}",
      },
    ),
  }
}
