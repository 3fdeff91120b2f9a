/** The settings of daemons that share their state in PostgreSQL, and the work on it. */
import type { Tree } from './definition.ts'
import { integer, path } from './formats.ts'
import { instanceName, schemaName, storeKey, storeUrl } from './store-formats.ts'

export const storeSettings = {
  store: {
    url: {
      doc:
        'Keeps the state of all accounts in PostgreSQL, which any number of daemons share: a URL that starts with ' +
        'postgres://. Unset, it is SQLite in the data directory.',
      format: storeUrl,
      default: undefined,
      env: 'STORE_URL',
      sensitive: true,
      valueName: 'url',
    },
    urlFile: {
      doc: 'A file that holds store.url, so that its password stands in no environment and no settings file.',
      format: path,
      default: undefined,
      env: 'STORE_URL_FILE',
      isPath: true,
    },
    key: {
      doc:
        'What seals the refresh tokens in PostgreSQL, which never sees it: 32 bytes in base64, the same for all ' +
        'daemons, as `blink-manifestd store key` prints them. Needed with store.url.',
      format: storeKey,
      default: undefined,
      env: 'STORE_KEY',
      sensitive: true,
      valueName: 'text',
    },
    keyFile: {
      doc: 'A file that holds store.key, so that the secret stands in no environment and no settings file.',
      format: path,
      default: undefined,
      env: 'STORE_KEY_FILE',
      isPath: true,
    },
    schema: {
      doc: 'The schema in PostgreSQL that holds our tables; small letters, digits and _, at most 40.',
      format: schemaName,
      default: 'blink_manifestd',
      env: 'STORE_SCHEMA',
      valueName: 'name',
    },
  },
  fleet: {
    instance: {
      doc:
        'What this daemon is called in topics, logs and metrics among those that share a store; no two live ones ' +
        'have the same name. Unset, it is the name of the host.',
      format: instanceName,
      default: undefined,
      env: 'FLEET_INSTANCE',
      valueName: 'name',
    },
    accountsInWork: {
      doc: 'How many accounts one of the daemons that share a store works on at a time, 1 to 10000.',
      format: integer(1, 10_000),
      default: 200,
      env: 'FLEET_ACCOUNTS_IN_WORK',
      valueName: 'count',
    },
  },
} as const satisfies Tree
