/**
 * Environment variables by which libraries would override the settings.
 *
 * They are removed before anything is loaded that reads them, and the log says so: nothing turns the verification of
 * certificates off, and `mqtt.url` alone decides where the broker is.
 */

export interface RemovedVariable {
  readonly name: string
  readonly reason: string
  readonly remedy: string
}

const known: readonly (RemovedVariable & { readonly isHarmful: (text: string) => boolean })[] = [
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED',
    reason: 'would accept any certificate, also that of an eavesdropper',
    remedy: 'Remove it. For a broker with a certificate of your own authority set mqtt.ca.',
    isHarmful: (text) => text === '0',
  },
  {
    name: 'MQTTJS_SOCKS_PROXY',
    reason: 'would send the connection to the broker through another host',
    remedy: 'Remove it, and let mqtt.url name the broker.',
    isHarmful: (text) => text !== '',
  },
]

/** The variables to remove: those that are set in a way that matters. */
export function removedVariables(
  env: Readonly<Record<string, string | undefined>>,
): readonly RemovedVariable[] {
  return known.filter(({ name, isHarmful }) => isHarmful(env[name] ?? ''))
}
