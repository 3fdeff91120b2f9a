/** The settings of the page, and of what is read there by programs. */
import type { Tree } from './definition.ts'
import { boolean, hostAndPort, oneOf, origins, password, path } from './formats.ts'

const listen = hostAndPort('127.0.0.1:8090')

export const webSettings = {
  web: {
    listen: {
      doc:
        'Where the page is served, as host:port; an IPv6 address in brackets, port 0 for any free one. Unset, there ' +
        'is none. Elsewhere than on this machine it needs web.password.',
      format: listen,
      default: undefined,
      env: 'WEB_LISTEN',
      valueName: 'host:port',
    },
    password: {
      doc: 'What opens the page at web.listen; better kept in a file named by web.passwordFile.',
      format: password,
      default: undefined,
      env: 'WEB_PASSWORD',
      sensitive: true,
      valueName: 'text',
    },
    passwordFile: {
      doc: 'A file that holds web.password, so that the secret stands in no environment and no settings file.',
      format: path,
      default: undefined,
      env: 'WEB_PASSWORD_FILE',
      isPath: true,
    },
    ingress: {
      doc:
        "A second place for the page, for Home Assistant's ingress, which has signed the person in: no password, " +
        'and no answer to anybody but the Supervisor and this machine.',
      format: listen,
      default: undefined,
      env: 'WEB_INGRESS',
      valueName: 'host:port',
    },
    origins: {
      doc:
        'Further origins under which the page is reached, such as https://blink.example of a reverse proxy: a list. ' +
        'Loopback names and addresses in digits always are; https makes the cookie Secure.',
      format: origins,
      default: [],
      env: 'WEB_ORIGINS',
      valueName: 'list',
    },
    metrics: {
      doc: 'Who may read /metrics: loopback for this machine, all for everybody who reaches the page, or off.',
      format: oneOf('loopback', 'all', 'off'),
      default: 'loopback',
      env: 'WEB_METRICS',
      valueName: 'loopback|all|off',
    },
    metricsPerModule: {
      doc: 'Whether metrics carry labels for each sync module, which is much in a fleet.',
      format: boolean,
      default: false,
      env: 'WEB_METRICS_PER_MODULE',
    },
  },
} as const satisfies Tree
