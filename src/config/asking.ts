/**
 * The settings of the asking half: Blink's cloud, the schedule, which modules, how long an answer is of use.
 */
import { httpUrl, regionalUrl } from './addresses.ts'
import type { Tree } from './definition.ts'
import { boolean, cronShape, integer, modules, path, secret, timezone } from './formats.ts'

/** Room for the credentials of an account with a token as long as tokens come, many times over. */
const longestTokensBytes = 1_048_576

export const asking = {
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
        'How many requests an account may cost the cloud in one day (UTC) before asking stops until the next; ' +
        '0 is automatic: one and a half times what the schedule plans for the modules found. At most 1000000.',
      format: integer(0, 1_000_000),
      default: 0,
      env: 'BLINK_DAILY_BUDGET',
      valueName: 'count',
    },
  },
  schedule: {
    cron: {
      doc: 'When the modules are asked: a cron expression of five fields, or six with seconds first.',
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
        'Each account is asked at its own fixed moment inside this window after the slot, so that many ' +
        'homes do not hit the cloud in the same second; in seconds, 0 to 3600.',
      format: integer(0, 3_600),
      default: 30,
      env: 'SCHEDULE_SPREAD_SECONDS',
      valueName: 'seconds',
    },
    onStart: {
      doc: 'Whether to ask once right after the start, so that a restart does not cost a slot.',
      format: boolean,
      default: true,
      env: 'SCHEDULE_ON_START',
    },
    allowFast: {
      doc:
        'Permits a cron expression that fires less than 60 seconds apart; the cloud throttles accounts ' +
        'that ask too often.',
      format: boolean,
      default: false,
      env: 'SCHEDULE_ALLOW_FAST',
    },
  },
  modules: {
    include: {
      doc: 'Asks only these: a list of network_id or network_id/sync_module_id. Empty means all.',
      format: modules,
      default: [],
      env: 'MODULES_INCLUDE',
      valueName: 'list',
    },
    exclude: {
      doc: 'Never asks these, in the same form; wins over modules.include.',
      format: modules,
      default: [],
      env: 'MODULES_EXCLUDE',
      valueName: 'list',
    },
    askAll: {
      doc: 'Asks also the modules that the home screen shows as unable to answer.',
      format: boolean,
      default: false,
      env: 'MODULES_ASK_ALL',
    },
  },
  request: {
    ttlSeconds: {
      doc:
        'How long a request ID is taken to be of use: sets expires_at and the expiry of MQTT messages; ' +
        'in seconds, 10 to 86400.',
      format: integer(10, 86_400),
      default: 600,
      env: 'REQUEST_TTL_SECONDS',
      valueName: 'seconds',
    },
  },
} as const satisfies Tree
