/**
 * Variables of the environment by which libraries would be led astray behind the back of the settings.
 *
 * They are taken away before anything is loaded that reads them, and the log says so: there is no switch that
 * turns the verification of certificates off, and the way to the broker is what `mqtt.url` says.
 */

export interface Misleading {
  readonly name: string
  /** Why it is not obeyed. */
  readonly reason: string
  readonly remedy: string
}

const known: readonly (Misleading & { readonly misleads: (text: string) => boolean })[] = [
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED',
    reason: 'would accept any certificate, also that of whoever listens in',
    remedy: 'Remove it. For a broker with a certificate of your own authority set mqtt.ca.',
    misleads: (text) => text === '0',
  },
  {
    name: 'MQTTJS_SOCKS_PROXY',
    reason: 'would lead the connection to the broker through another host',
    remedy: 'Remove it, and let mqtt.url name where to connect to.',
    misleads: (text) => text !== '',
  },
]

/** Those of the variables that are set in a way that matters. */
export function misleading(env: Readonly<Record<string, string | undefined>>): readonly Misleading[] {
  return known.filter(({ name, misleads }) => misleads(env[name] ?? ''))
}
