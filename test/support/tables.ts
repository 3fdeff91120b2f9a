/**
 * What Home Assistant's MQTT discovery allows, as tables: keys by place, required keys and classes by platform.
 *
 * Written from the validation of Home Assistant 2026.9; nothing here is shared with the code that it judges.
 */

export const rootKeys = {
  required: ['device', 'origin', 'components'],
  optional: [
    'availability',
    'availability_mode',
    'availability_template',
    'availability_topic',
    'payload_available',
    'payload_not_available',
    'command_topic',
    'state_topic',
    'encoding',
    'qos',
  ],
} as const

export const originKeys = ['name', 'sw_version', 'support_url']

export const deviceKeys = [
  'identifiers',
  'connections',
  'name',
  'manufacturer',
  'model',
  'model_id',
  'hw_version',
  'sw_version',
  'serial_number',
  'suggested_area',
  'configuration_url',
  'via_device',
]

/** What every entity may have. */
export const commonKeys = [
  'platform',
  'unique_id',
  'name',
  'default_entity_id',
  'icon',
  'entity_picture',
  'entity_category',
  'enabled_by_default',
  'visible_by_default',
  'json_attributes_topic',
  'json_attributes_template',
  'availability',
  'availability_mode',
  'availability_topic',
  'availability_template',
  'payload_available',
  'payload_not_available',
  'qos',
  'encoding',
  'message_expiry_interval',
]

export interface Platform {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly deviceClasses?: readonly string[]
  /** False for what has no identity of its own. */
  readonly isEntity?: false
}

const reads = ['value_template', 'expire_after', 'force_update']

export const platforms: Readonly<Record<string, Platform>> = {
  sensor: {
    required: ['state_topic'],
    optional: [
      ...reads,
      'device_class',
      'state_class',
      'unit_of_measurement',
      'options',
      'suggested_display_precision',
      'last_reset_value_template',
    ],
    deviceClasses: ['enum', 'timestamp', 'duration'],
  },
  binary_sensor: {
    required: ['state_topic'],
    optional: [...reads, 'device_class', 'payload_on', 'payload_off', 'off_delay'],
    deviceClasses: ['connectivity', 'problem', 'running', 'update'],
  },
  event: {
    required: ['state_topic', 'event_types'],
    optional: ['device_class', 'value_template'],
    deviceClasses: ['button', 'doorbell', 'motion'],
  },
  button: {
    required: ['command_topic'],
    optional: ['command_template', 'payload_press', 'retain', 'device_class'],
    deviceClasses: ['identify', 'restart', 'update'],
  },
  select: {
    required: ['command_topic', 'options'],
    optional: ['state_topic', 'command_template', 'value_template', 'optimistic', 'retain'],
  },
  number: {
    required: ['command_topic'],
    optional: [
      'state_topic',
      'min',
      'max',
      'step',
      'mode',
      'unit_of_measurement',
      'value_template',
      'retain',
    ],
  },
  switch: {
    required: ['command_topic'],
    optional: [
      'state_topic',
      'payload_on',
      'payload_off',
      'state_on',
      'state_off',
      'device_class',
      'optimistic',
      'retain',
      'command_template',
      'value_template',
    ],
    deviceClasses: ['outlet', 'switch'],
  },
  device_automation: {
    required: ['automation_type', 'topic', 'type', 'subtype'],
    optional: ['payload', 'value_template', 'qos', 'encoding'],
    isEntity: false,
  },
}

/** Units that go with a sensor's class. */
export const unitsOf: Readonly<Record<string, readonly string[]>> = {
  duration: ['d', 'h', 'min', 's', 'ms', 'μs'],
}

/** Classes whose values are no numbers, and so have neither unit nor state class. */
export const textClasses = ['enum', 'timestamp']
export const stateClasses = ['measurement', 'measurement_angle', 'total', 'total_increasing']
/** `config` on what cannot be configured is refused. */
export const readOnlyPlatforms = ['sensor', 'binary_sensor', 'event']

/** Attributes that Home Assistant drops, since they are its own. */
export const reservedAttributes = [
  'assumed_state',
  'available',
  'device_class',
  'device_info',
  'entity_category',
  'entity_picture',
  'entity_registry_enabled_default',
  'extra_state_attributes',
  'force_update',
  'friendly_name',
  'icon',
  'name',
  'should_poll',
  'state',
  'supported_features',
  'unique_id',
  'unit_of_measurement',
]
