/**
 * Every setting, in convict's form and with what convict does not know.
 *
 * The command line's options, the example file, the documents' table and the types are made from it or compared with
 * it; there is no second list. A setting named `xFile` beside a sensitive `x` is the path of a file that holds the
 * secret.
 */
import { clipSettings } from './clip-settings.ts'
import type { Definition, Tree } from './definition.ts'
import {
  boolean,
  cronShape,
  type Format,
  hostAndPort,
  httpUrl,
  integer,
  modules,
  mqttUrl,
  name,
  oneOf,
  password,
  path,
  regionalUrl,
  secret,
  timezone,
  topic,
} from './formats.ts'
import { storeSettings } from './store-settings.ts'
import { webSettings } from './web-settings.ts'

/** Room for the credentials of an account with a token as long as tokens come, many times over. */
const longestTokensBytes = 1_048_576

export const schema = {
  dataDir: {
    doc:
      'Where the database and the credentials are kept. Created with mode 0700; a relative path starts at the ' +
      'working directory. Unset, it is the STATE_DIRECTORY of systemd, else ./data.',
    format: path,
    default: './data',
    env: 'BLINK_MANIFESTD_DATA_DIR',
    sharedEnv: 'STATE_DIRECTORY',
    isPath: true,
  },
  blink: {
    tokens: {
      doc:
        'Takes over credentials that another program holds, in the form key=value|key=value; several ' +
        'accounts, one line each. Not needed after a login.',
      format: secret(longestTokensBytes),
      default: undefined,
      env: 'BLINK_TOKENS',
      sensitive: true,
      valueName: 'text',
    },
    tokensFile: {
      doc:
        'A file that holds blink.tokens, so that the secret stands in no environment and no settings ' +
        'file.',
      format: path,
      default: undefined,
      env: 'BLINK_TOKENS_FILE',
      isPath: true,
    },
    oauthUrl: {
      doc: 'Where tokens are renewed; another one only for tests against a simulated cloud.',
      format: httpUrl,
      default: 'https://api.oauth.blink.com',
      env: 'BLINK_OAUTH_URL',
      valueName: 'url',
    },
    restUrl: {
      doc:
        "Where manifests are requested. {region} is replaced by the account's region; a URL without it " +
        'is used as it is.',
      format: regionalUrl,
      default: 'https://rest-{region}.immedia-semi.com',
      env: 'BLINK_REST_URL',
      valueName: 'url',
    },
    timeoutSeconds: {
      doc:
        'How long one request to the cloud may take, from connecting to the last byte, in seconds, 1 to ' +
        '300. Where the host has several addresses, each gets half of it to connect.',
      format: integer(1, 300),
      default: 20,
      env: 'BLINK_TIMEOUT_SECONDS',
      valueName: 'seconds',
    },
    concurrency: {
      doc: 'How many requests to the cloud may be in flight at the same time, over all accounts, 1 to 256.',
      format: integer(1, 256),
      default: 8,
      env: 'BLINK_CONCURRENCY',
      valueName: 'count',
    },
    perAccount: {
      doc: 'How many of these may be for one account, 1 to 8; a sync module never has two at a time.',
      format: integer(1, 8),
      default: 1,
      env: 'BLINK_PER_ACCOUNT',
      valueName: 'count',
    },
    dailyBudget: {
      doc:
        'How many requests an account may cost the cloud in one day (UTC) before requests stop until the next; ' +
        '0 is automatic: one and a half times what the schedule plans for the modules found. At most 1000000.',
      format: integer(0, 1_000_000),
      default: 0,
      env: 'BLINK_DAILY_BUDGET',
      valueName: 'count',
    },
  },
  schedule: {
    cron: {
      doc: 'When manifests are requested: a cron expression of five fields, or six with seconds first.',
      format: cronShape,
      default: '*/5 * * * *',
      env: 'SCHEDULE_CRON',
      valueName: 'expression',
    },
    timezone: {
      doc:
        'The time zone of the cron expression, by its IANA name. In UTC no hour is left out or comes ' +
        'twice. Unset, it is the variable TZ, else UTC.',
      format: timezone,
      default: 'UTC',
      env: 'SCHEDULE_TIMEZONE',
      sharedEnv: 'TZ',
      valueName: 'zone',
    },
    spreadSeconds: {
      doc:
        'Each account is requested at its own fixed moment inside this window after the scheduled time, so ' +
        'that many homes do not hit the cloud in the same second; in seconds, 0 to 3600.',
      format: integer(0, 3_600),
      default: 30,
      env: 'SCHEDULE_SPREAD_SECONDS',
      valueName: 'seconds',
    },
    onStart: {
      doc: 'Run once at startup instead of waiting for the next scheduled time.',
      format: boolean,
      default: true,
      env: 'SCHEDULE_ON_START',
    },
    allowFast: {
      doc:
        'Permits a cron expression that fires less than 60 seconds apart; the cloud throttles accounts ' +
        'that send requests too often.',
      format: boolean,
      default: false,
      env: 'SCHEDULE_ALLOW_FAST',
    },
  },
  modules: {
    include: {
      doc: 'Requests only these: a list of network_id or network_id/sync_module_id. Empty means all.',
      format: modules,
      default: [],
      env: 'MODULES_INCLUDE',
      valueName: 'list',
    },
    exclude: {
      doc: 'Never requests these, in the same form; wins over modules.include.',
      format: modules,
      default: [],
      env: 'MODULES_EXCLUDE',
      valueName: 'list',
    },
    askAll: {
      doc: 'Also requests modules that the home screen shows as unable to answer.',
      format: boolean,
      default: false,
      env: 'MODULES_ASK_ALL',
    },
  },
  request: {
    ttlSeconds: {
      doc:
        'Assumed life of a request ID: sets expires_at and the expiry of MQTT messages; ' +
        'in seconds, 10 to 86400.',
      format: integer(10, 86_400),
      default: 600,
      env: 'REQUEST_TTL_SECONDS',
      valueName: 'seconds',
    },
  },
  ...clipSettings,
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
      format: hostAndPort('127.0.0.1:1883'),
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
      doc: 'A PEM file of our own certificate, for brokers that require one; together with mqtt.key.',
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
        'and the 8 digits of this installation, which every broker must take. Of daemons that share a store it is ' +
        'the name of their bridge, and each adds 8 digits of its own to it.',
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
  ...webSettings,
  ...storeSettings,
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

/** The finished values of a tree of definitions. */
type ValuesOf<T> = {
  readonly [K in keyof T]: T[K] extends { readonly format: Format<infer V>; readonly default: infer D }
    ? V | (D extends undefined ? undefined : never)
    : ValuesOf<T[K]>
}
export type Values = ValuesOf<typeof schema>

/** A leaf of the schema under its full name, for instance `mqtt.url`. */
export interface Setting extends Definition {
  readonly name: string
}

function flatten(tree: Tree, section: string): readonly Setting[] {
  return Object.entries(tree).flatMap(([key, node]) => {
    const name = section + key
    return isDefinition(node) ? [{ name, ...node }] : flatten(node, `${name}.`)
  })
}

function isDefinition(node: Definition | Tree): node is Definition {
  return 'default' in node
}

export const settings: readonly Setting[] = flatten(schema, '')

/** The parts before the dot: `blink`, `schedule` and so on. */
export const sections: ReadonlySet<string> = new Set(
  settings.filter(({ name }) => name.includes('.')).map(({ name }) => name.slice(0, name.indexOf('.'))),
)

/** For a secret, the setting that names a file which holds it. */
export function fileForm(setting: Setting): Setting | undefined {
  return setting.sensitive ? settings.find(({ name }) => name === `${setting.name}File`) : undefined
}

/** Whether a setting is only another way to give a secret, and so no value of its own. */
export function isFileForm({ name }: Setting): boolean {
  return settings.some((other) => other.sensitive && name === `${other.name}File`)
}

/** `mqtt.baseTopic` on the command line: `--mqtt-base-topic`. */
export function flagOf({ name }: Setting): string {
  return `--${name.replace(/\./g, '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
