/**
 * Every "no" of the cloud in one table: HTTP status, body code, text.
 *
 * The numbers in the bodies are known from clients. The HTTP status was seen only where the remark says so;
 * for the rest nobody published it and 400 is our choice, 404 where a thing is not there. A client should
 * decide by the code, and tests that switch the status with a misbehaviour hold it to that.
 */
import { type Answer, coded, text } from './answer.ts'

const refusals = {
  unauthorized: [401, 101, 'Unauthorized Access'], // seen: BlinkMonitorProtocol, AUTHENTICATION.md
  busy: [409, 307, 'System is busy, please wait'], // seen: homebridge-blink-security, blink2mqtt
  networkBusy: [409, 308, 'Network is busy, please wait'], // the status as for 307
  manifestInProcess: [409, 2113, 'Manifest command is in process, please wait'], // status and length seen
  clipNotUploaded: [404, 2111, 'Clip is not downloaded yet'],
  mediaNotFound: [404, 700, 'Media not found'], // body seen: fronzbot/blinkpy#1069
  moduleNotFound: [400, 400, 'Sync module not found'],
  moduleInvalid: [400, 406, 'Invalid sync module'],
  moduleOffline: [400, 402, 'Sync module is offline'],
  storageUnavailable: [400, 107, 'Local storage is unavailable'],
  storageNotEnabled: [400, 2122, 'Local storage is not enabled'],
  notInStorageMode: [400, 416, 'Sync module is not in local storage mode'],
  noStorageStatus: [400, 414, 'Local storage status not found'],
  firmwareIncompatible: [400, 2105, 'Sync module firmware is not compatible with local storage'],
  manifestInvalid: [404, 2104, 'Invalid manifest id'],
  clipInvalid: [404, 2103, 'Invalid clip id'],
  commandNotFound: [404, 906, 'Command not found'],
  commandForgotten: [404, 911, 'Command not found'],
  notLiveView: [400, 900, 'Only live view commands can be terminated'],
  notFound: [404, 404, 'Not Found'],
} as const satisfies Record<string, readonly [number, number, string]>

export type Refusal = keyof typeof refusals

export function refuse(refusal: Refusal): Answer {
  const [status, code, message] = refusals[refusal]
  return coded(status, code, message)
}

/** What a proxy says for a host that serves something else: no JSON. */
export function wrongHost(): Answer {
  return text(404, '404 page not found\n')
}

/**
 * The edge in front of the cloud refuses: no JSON, and the text was never logged.
 *
 * @see home-assistant/core#107143 and #107594 for 406 on the manifest endpoints
 */
export function refuseAtEdge(status: 403 | 406): Answer {
  return text(status, status === 403 ? 'Forbidden\n' : 'Not Acceptable\n')
}
