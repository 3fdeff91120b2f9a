/**
 * The settings of the telling half: the broker, Home Assistant, the log.
 */
import { hostAndPort, mqttUrl, topic } from './addresses.ts'
import type { Tree } from './definition.ts'
import { boolean, name, oneOf, password, path } from './formats.ts'

export const telling = {
  mqtt: {
    url: {
      doc: 'The broker: mqtt://, mqtts://, ws:// or wss://, or the word embedded for the built-in broker.',
      format: mqttUrl,
      default: 'mqtt://127.0.0.1:1883',
      env: 'MQTT_URL',
      valueName: 'url',
    },
    listen: {
      doc:
        'Where the built-in broker listens, as host:port; an IPv6 address in brackets, port 0 for any ' +
        'free one.',
      format: hostAndPort,
      default: '127.0.0.1:1883',
      env: 'MQTT_LISTEN',
      valueName: 'host:port',
    },
    username: {
      doc: 'The user at the broker; never inside the URL, which ends up in logs.',
      format: name,
      default: undefined,
      env: 'MQTT_USERNAME',
      valueName: 'name',
    },
    password: {
      doc: "The user's password at the broker; better kept in a file named by mqtt.passwordFile.",
      format: password,
      default: undefined,
      env: 'MQTT_PASSWORD',
      sensitive: true,
      valueName: 'text',
    },
    passwordFile: {
      doc:
        'A file that holds mqtt.password, so that the secret stands in no environment and no settings ' +
        'file.',
      format: path,
      default: undefined,
      env: 'MQTT_PASSWORD_FILE',
      isPath: true,
    },
    ca: {
      doc:
        "A PEM file of the authorities that may have signed the broker's certificate, when the system " +
        'does not know them.',
      format: path,
      default: undefined,
      env: 'MQTT_CA',
      isPath: true,
    },
    cert: {
      doc: 'A PEM file of our own certificate, for brokers that ask for one; together with mqtt.key.',
      format: path,
      default: undefined,
      env: 'MQTT_CERT',
      isPath: true,
    },
    key: {
      doc: 'A PEM file of the key of mqtt.cert.',
      format: path,
      default: undefined,
      env: 'MQTT_KEY',
      isPath: true,
    },
    clientId: {
      doc:
        'Our name at the broker, which must be the only one of this name. Unset, it is blinkmanifestd ' +
        'and the 8 digits of this installation, which every broker must take.',
      format: name,
      default: undefined,
      env: 'MQTT_CLIENT_ID',
      valueName: 'name',
    },
    baseTopic: {
      doc: 'All topics stand below this one; no + # $, no slash at its start or end.',
      format: topic,
      default: 'blink-manifestd',
      env: 'MQTT_BASE_TOPIC',
      valueName: 'topic',
    },
    topics: {
      doc:
        'Either all, or work_items for fleets where only pollers listen: publishes manifest/requested, ' +
        'bridge/* and account/* and switches Home Assistant discovery off.',
      format: oneOf('all', 'work_items'),
      default: 'all',
      env: 'MQTT_TOPICS',
      valueName: 'all|work_items',
    },
  },
  homeAssistant: {
    enabled: {
      doc: 'Whether to publish MQTT discovery, so that the modules appear in Home Assistant by themselves.',
      format: boolean,
      default: true,
      env: 'HOME_ASSISTANT_ENABLED',
    },
    prefix: {
      doc: 'The topic below which Home Assistant looks for discovery; mqtt.baseTopic must not be below it.',
      format: topic,
      default: 'homeassistant',
      env: 'HOME_ASSISTANT_PREFIX',
      valueName: 'topic',
    },
    statusTopic: {
      doc: 'Where Home Assistant says that it has started, upon which discovery is published again.',
      format: topic,
      default: 'homeassistant/status',
      env: 'HOME_ASSISTANT_STATUS_TOPIC',
      valueName: 'topic',
    },
  },
  log: {
    level: {
      doc: 'The least severe lines to write: trace, debug, info, warn, error or silent.',
      format: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
      default: 'info',
      env: 'LOG_LEVEL',
      valueName: 'level',
    },
    format: {
      doc: 'How lines are written: json, pretty, or auto, which is pretty on a terminal and json otherwise.',
      format: oneOf('auto', 'json', 'pretty'),
      default: 'auto',
      env: 'LOG_FORMAT',
      valueName: 'auto|json|pretty',
    },
  },
} as const satisfies Tree
