/** Why there is no connection to the broker, in words for the log, and what a person can do about it. */
import { triedText } from '../domain/addresses.ts'
import type { Ending } from './connection.ts'

/** What went wrong, without a secret: these texts come from the broker's reason codes and the network. */
export function describe(ending: Ending): string {
  const { kind, reasonCode, error, tried = [] } = ending
  if (kind === 'disconnected')
    return `broker disconnected us: ${hex(reasonCode ?? 0)} ${disconnects[reasonCode ?? 0] ?? ''}`.trim()
  if (kind === 'refused') {
    return `${error?.message ?? `connection refused: ${reasonWords(reasonCode ?? 0)}`} (${hex(reasonCode ?? 0)})`
  }
  if (kind === 'left') return 'disconnected by ourselves'
  const words = kind === 'closed' ? 'broker closed the connection without a reason' : networkWords(error)
  return words + triedText(tried, words)
}

/** What to do, where that is known. */
export function remedyFor({ kind, reasonCode, error }: Ending): string | undefined {
  if (kind === 'refused') return refusals[reasonCode ?? 0]
  const code = codesOf(error).find((each) => each in networkRemedies)
  return code === undefined ? undefined : networkRemedies[code]
}

/** Reasons that speak of what we sent, so that sending it again is likely to end the same way. */
export function blamesMessage(reasonCode: number | undefined): boolean {
  return reasonCode !== undefined && messageFaults.includes(reasonCode)
}

const messageFaults = [0x81, 0x82, 0x83, 0x87, 0x90, 0x93, 0x94, 0x95, 0x97, 0x99, 0x9a, 0x9b]

/** A refusal of a publish or a subscription in words. */
export function reasonWords(code: number): string {
  return disconnects[code] ?? `refused with ${hex(code)}`
}

const disconnects: Readonly<Record<number, string>> = {
  0: 'normal disconnection',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  135: 'not authorized',
  137: 'server busy',
  139: 'server shutting down',
  141: 'keep alive timeout',
  142: 'session taken over',
  143: 'topic filter invalid',
  144: 'topic name invalid',
  147: 'receive maximum exceeded',
  149: 'packet too large',
  150: 'message rate too high',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  154: 'retain not supported',
  155: 'QoS not supported',
  156: 'use another server',
  157: 'server moved',
}

const checkLogin = 'Check mqtt.username and mqtt.password, and what the broker lets this user do.'
const clientId = 'Set mqtt.clientId to one that the broker accepts.'

/** By the codes of MQTT 3.1.1 (1 to 5) and 5. */
const refusals: Readonly<Record<number, string>> = {
  2: clientId,
  4: checkLogin,
  5: checkLogin,
  133: clientId,
  134: checkLogin,
  135: checkLogin,
  138: 'The broker bans this client; its operator knows why.',
  154: 'The broker stores no messages; switch retained messages on there.',
  155: 'Let the broker take QoS 1 (max_qos in Mosquitto): with QoS 0 a request ID could be lost, so nothing is published.',
}

const untrusted =
  'Set mqtt.ca to the certificate (PEM) of the authority that signed the certificate of the broker.'

const networkRemedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Is the broker running, and does mqtt.url name its host and port?',
  ENOTFOUND: 'Does mqtt.url name the right host?',
  EHOSTUNREACH: 'Is the host in mqtt.url up and in this network?',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: 'mqtt.url must name the broker as its certificate does.',
  CERT_HAS_EXPIRED: 'Renew the certificate of the broker.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The port in mqtt.url speaks no TLS: use mqtt:// or the port for TLS.',
  EPROTO: 'The port in mqtt.url speaks no TLS, or refuses ours: use mqtt:// or the port for TLS.',
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}

function networkWords(error: Error | undefined): string {
  if (error === undefined) return 'unknown failure'
  // A name with several addresses fails with one error for each and no message of its own.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ')
  }
  return error.message
}

function codesOf(error: Error | undefined): string[] {
  if (error === undefined) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  return error instanceof AggregateError ? [...own, ...error.errors.flatMap(codesOf)] : own
}
