/**
 * Every topic of the contract with what travels on it: the payload's schema, its kind, and when it expires.
 *
 * A description for documents and tests; publishing takes its values from the mappers. QoS is 1 throughout.
 */
import type { z } from 'zod'
import * as commandSchemas from './command-schemas.ts'
import * as schemas from './schemas.ts'

export interface Channel {
  /** Below `<base>/`, with parameters in braces. */
  readonly address: string
  readonly summary: string
  /** State is retained and nothing else is; commands come from anybody, the rest from the daemon. */
  readonly kind: 'state' | 'event' | 'command' | 'response'
  readonly payload: z.ZodType
  readonly format: 'json' | 'text'
  /** Seconds; `ttl` is the rest of the request ID's life, at most `request.ttlSeconds`. */
  readonly expiry: number | 'ttl' | undefined
  /** Only of commands: the channel of the response. */
  readonly response?: string
}

const stem = 'sync/{account_id}/{network_id}/{sync_module_id}'
/** `camera` is the camera's id, or `unknown/` and a hash of its name. */
const camera = 'camera/{account_id}/{network_id}/{camera}'
const week = 604_800
const minute = 60
const hour = 3_600

const state = { kind: 'state', format: 'json', expiry: undefined } as const
const text = { ...state, format: 'text' } as const
const event = { kind: 'event', format: 'json', expiry: 'ttl' } as const
const command = { kind: 'command', format: 'json', expiry: undefined } as const
const response = { kind: 'response', format: 'json', expiry: minute } as const

const verbs = Object.keys(commandSchemas.commands) as (keyof typeof commandSchemas.commands)[]

/** `manifest/request` with `Command` is `manifestRequestCommand`. */
function idOf(verb: string, ending: string): string {
  return `${verb.replace(/\/(.)/g, (_, letter: string) => letter.toUpperCase())}${ending}`
}

const effects: Readonly<Record<keyof typeof commandSchemas.commands, string>> = {
  'manifest/request': 'Requests manifests now, through the same limits as a scheduled run.',
  'clips/sync': 'Requests manifests now, follows them, and downloads what is new.',
  rescan: 'Discovers sync modules now.',
  pause: 'Turns scheduled requests off.',
  resume: 'Turns scheduled requests on again.',
  options: 'Changes the log level while the daemon runs.',
  health: 'Returns the parts of the daemon and their state.',
}

const ofVerbs = verbs.flatMap((verb): [string, Channel][] => {
  const responseId = idOf(verb, 'Response')
  const request = { ...command, address: `bridge/request/${verb}`, response: responseId }
  return [
    [idOf(verb, 'Command'), { ...request, summary: effects[verb], payload: commandSchemas.commands[verb] }],
    [
      responseId,
      {
        ...response,
        address: `bridge/response/${verb}`,
        summary: `What came of \`${verb}\`.`,
        payload: commandSchemas.responses[verb],
      },
    ],
  ]
})

/** By the name that each has in `docs/asyncapi.yaml`. */
export const channels: Readonly<Record<string, Channel>> = {
  bridgeState: {
    ...text,
    address: 'bridge/state',
    summary: 'Whether the daemon is connected: its birth and its last will.',
    payload: schemas.presence,
  },
  instanceState: {
    ...text,
    address: 'bridge/instance/{name}/state',
    summary: 'Whether one of several daemons that share a store is connected; its own birth and last will.',
    payload: schemas.presence,
  },
  bridgeInfo: {
    ...state,
    address: 'bridge/info',
    summary: 'What the daemon is, and how it is set up.',
    payload: schemas.bridgeInfo,
  },
  bridgeEvent: {
    ...event,
    expiry: hour,
    address: 'bridge/event',
    summary: 'A sync module was found, renamed or lost; a run is over for all accounts.',
    payload: schemas.bridgeEvent,
  },
  accountState: {
    ...state,
    address: 'account/{account_id}/state',
    summary: 'How an account is as a whole.',
    payload: schemas.accountState,
  },
  moduleAvailability: {
    ...text,
    address: `${stem}/availability`,
    summary: 'Whether the sync module can be requested now.',
    payload: schemas.presence,
  },
  moduleInfo: {
    ...state,
    address: `${stem}/info`,
    summary: 'A sync module as the home screen shows it.',
    payload: schemas.moduleInfo,
  },
  moduleState: {
    ...state,
    address: `${stem}/state`,
    summary: 'What the requests of a sync module have come to.',
    payload: schemas.moduleState,
  },
  requestId: {
    ...text,
    expiry: 'ttl',
    address: `${stem}/request_id`,
    summary: 'The last request ID; cleared when it has expired.',
    payload: schemas.digits,
  },
  requestedAt: {
    ...text,
    address: `${stem}/requested_at`,
    summary: 'When the cloud answered the last request.',
    payload: schemas.time,
  },
  manifestRequested: {
    ...event,
    address: `${stem}/manifest/requested`,
    summary: 'The work item: a request ID and how to poll for its manifest. Delivered at least once.',
    payload: schemas.workItem,
  },
  manifestPending: {
    ...state,
    expiry: 'ttl',
    address: `${stem}/manifest/pending`,
    summary: 'The work items that have not expired; it expires with the newest.',
    payload: schemas.manifestPending,
  },
  manifestReady: {
    ...event,
    address: `${stem}/manifest/ready`,
    summary: 'The manifest of a request ID, with `manifest.follow`. Delivered at least once.',
    payload: schemas.manifestReady,
  },
  moduleClips: {
    ...state,
    address: `${stem}/clips`,
    summary: 'What is on the stick and on disk, with `manifest.follow`.',
    payload: schemas.clipState,
  },
  clipNew: {
    ...event,
    expiry: week,
    address: `${camera}/clip/new`,
    summary: 'A clip was saved, with `clips.enabled`. Delivered at least once.',
    payload: schemas.clipNew,
  },
  lastClip: {
    ...state,
    address: `${camera}/last_clip`,
    summary: 'The newest clip of a camera that was saved.',
    payload: schemas.clipNew,
  },
  moduleEvent: {
    ...event,
    address: `${stem}/event`,
    summary: 'A manifest was requested, a request failed, or a sync module was skipped.',
    payload: schemas.moduleEvent,
  },
  requestNow: {
    ...command,
    format: 'text',
    address: `${stem}/set/request_now`,
    summary: 'Requests a manifest of this sync module now, whatever the payload.',
    payload: schemas.anything,
    response: idOf('manifest/request', 'Response'),
  },
  setPolling: {
    ...command,
    format: 'text',
    address: `${stem}/set/polling`,
    summary: 'Turns the scheduled requests of this sync module on or off.',
    payload: schemas.onOff,
    response: idOf('pause', 'Response'),
  },
  ...Object.fromEntries(ofVerbs),
  rejectedResponse: {
    ...response,
    address: 'bridge/response/{verb}',
    summary: 'The response to an unknown verb, on the topic of that verb.',
    payload: commandSchemas.rejected,
  },
}
