/**
 * What the cloud's codes, words and statuses mean for us: three tables.
 *
 * Nothing here is a promise of Blink's. The codes are from clients and protocol notes; the HTTP status that
 * goes with most of them was never published, which is why the code alone must be enough.
 */

/** The `code` in an answer's JSON. Not assignable to a status, nor a status to it. */
export type BodyCode = number & { readonly _is?: 'body code' }

/** The status of an HTTP answer. */
export type HttpStatus = number & { readonly _is?: 'http status' }

/** What to do about an answer. `no_answer` and `unreadable` leave open whether the cloud has acted. */
export interface Verdict {
  readonly as:
    | 'busy'
    | 'offline'
    | 'no_storage'
    | 'incompatible'
    | 'refused'
    | 'token_refused'
    | 'login_needed'
    | 'two_factor_needed'
    | 'throttled'
    | 'no_answer'
    | 'unreadable'
  /** The cloud's reason in our words, so that no message repeats an answer's text. */
  readonly says: string
  readonly leastPauseMs?: number
  readonly remedy?: string
}

const outdated = {
  as: 'refused',
  says: 'the cloud wants a newer app version',
  remedy: 'Blink has retired what this version requests. Look for a newer version of blink-manifestd.',
} as const

/** "Disable any 3rd party automation and try again in 60 minutes", says the text of code 106. */
const loginLimitPauseMs = 60 * 60 * 1000

const throttleRemedy =
  'Other programs on the same account count too: stop those that send requests every few seconds.'

export const bodyCodes: ReadonlyMap<BodyCode, Verdict> = new Map<BodyCode, Verdict>([
  // A sync module does one command at a time; seen with HTTP 409 by blink2mqtt, homebridge-blink-security.
  [307, { as: 'busy', says: 'the system is busy' }],
  [308, { as: 'busy', says: 'the network is busy' }],
  // Meant for who waits for a manifest. For us it says the same: the module is at one.
  [2113, { as: 'busy', says: 'a manifest is being made' }],

  [402, { as: 'offline', says: 'the sync module is offline' }],
  [416, { as: 'no_storage', says: 'the sync module is not in local storage mode' }],
  [2122, { as: 'no_storage', says: 'local storage is not enabled' }],
  [107, { as: 'no_storage', says: 'local storage is unavailable' }],
  [414, { as: 'no_storage', says: 'local storage has no status' }],
  [2105, { as: 'incompatible', says: 'the firmware is too old for local storage' }],
  // The next home screen shows what has become of the module.
  [400, { as: 'refused', says: 'the sync module was not found' }],
  [401, { as: 'refused', says: 'the sync module was not found' }],
  [406, { as: 'refused', says: 'the sync module is not a valid one' }],

  // BlinkMonitorProtocol 278a4cd, AUTHENTICATION.md
  [101, { as: 'token_refused', says: 'the access token is not accepted' }],
  [100, { as: 'token_refused', says: 'the access token is not accepted' }],
  [
    106,
    {
      as: 'throttled',
      says: 'too many logins',
      leastPauseMs: loginLimitPauseMs,
      remedy: 'Stop other programs that sign in to this account, and wait an hour.',
    },
  ],
  [110, { as: 'throttled', says: 'requests follow too quickly', remedy: throttleRemedy }],
  [111, { as: 'throttled', says: 'too many requests', remedy: throttleRemedy }],
  [105, outdated],
  [103, outdated],

  // About clips: what each of them means there stands in the table below.
  [2111, { as: 'refused', says: 'the clip is not uploaded yet' }],
  [700, { as: 'refused', says: 'the clip was not found' }],
  [900, { as: 'refused', says: 'the command cannot be ended' }],
  [906, { as: 'refused', says: 'the command was not found' }],
  [911, { as: 'refused', says: 'the command was not found' }],
  [2103, { as: 'refused', says: 'the clip id is not valid' }],
  [2104, { as: 'refused', says: 'the manifest id is not valid' }],
])

/** What a code means between a request ID and a clip. */
export type ClipObstacle =
  /** The manifest is being made, or the clip is being uploaded: wait. */
  | 'not_ready'
  /** The module or its network is at another command: wait longer. */
  | 'busy'
  /** The manifest's id, the clip's or the command's is known no more: request a new manifest. */
  | 'expired'
  /** "Media not found": not uploaded yet, or gone; one new manifest shows. */
  | 'not_found'

/** `undefined` for a code that says nothing about clips. */
export function clipObstacleOf(code: BodyCode | undefined): ClipObstacle | undefined {
  return code === undefined ? undefined : clipObstacles.get(code)
}

const clipObstacles: ReadonlyMap<BodyCode, ClipObstacle> = new Map<BodyCode, ClipObstacle>([
  [2113, 'not_ready'],
  [2111, 'not_ready'],
  [307, 'busy'],
  [308, 'busy'],
  [2103, 'expired'],
  [2104, 'expired'],
  [906, 'expired'],
  [911, 'expired'],
  [700, 'not_found'],
])

/** A refresh token that is good no more. */
export const withdrawn: Verdict = {
  as: 'login_needed',
  says: 'the cloud does not accept the refresh token any more',
  remedy: 'Sign in again with `blink-manifestd login`.',
}

/**
 * A request for a code in place of a token. Known from source code and never seen in a log: blinkpy takes 412 as this for the
 * refresh grant as well as for the password grant, where it was seen. The body is that of a sign-in, by inference.
 *
 * @see blinkpy 0.24, blinkpy/auth.py, Auth.login; fronzbot/blinkpy#1114; for the body #1233
 */
export const codeWanted: Verdict = {
  as: 'two_factor_needed',
  says: 'the cloud wants a code before it renews the token',
  remedy:
    'Sign in with `blink-manifestd login`. Nothing is requested before: each try might have a code sent.',
}

/**
 * The error words of the token endpoint, with HTTP 400. @see RFC 6749, section 5.2; BlinkMonitorProtocol, AUTHENTICATION.md
 */
export const oauthErrors: ReadonlyMap<string, Verdict> = new Map<string, Verdict>([
  ['invalid_grant', withdrawn],
  [
    'invalid_client',
    {
      as: 'refused',
      says: 'the cloud does not accept this token from this client',
      remedy:
        'A token is only good for the client it was issued to. Correct `client_id`, ' +
        'or sign in again with `blink-manifestd login`.',
    },
  ],
])

/** Seen by clients that requested without pauses. @see Blink.NET, README.md */
export const emptyAnswer: Verdict = { as: 'no_answer', says: 'the answer is empty' }

export const notJson: Verdict = { as: 'unreadable', says: 'the answer is not JSON' }

/** Of a manifest request: the module is at another command. Elsewhere 409 means "not ready yet" and is rare. */
export const conflict: Verdict = { as: 'busy', says: 'the sync module is busy' }

export const statuses: ReadonlyMap<HttpStatus, Verdict> = new Map<HttpStatus, Verdict>([
  [401, { as: 'token_refused', says: 'the access token is not accepted' }],
  // 403 and 406 come from the edge, without JSON. @see home-assistant/core issues 107143 and 107594
  [403, { as: 'throttled', says: 'refused for now', remedy: throttleRemedy }],
  [406, { as: 'throttled', says: 'refused for now at the edge of the cloud', remedy: throttleRemedy }],
  [408, { as: 'no_answer', says: 'the request took too long' }],
  [426, outdated],
  [429, { as: 'throttled', says: 'too many requests', remedy: throttleRemedy }],
])

/** By the first digit, for the statuses that have no row of their own. */
export const statusClasses: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [3, { as: 'refused', says: 'the cloud points elsewhere, and we do not follow' }],
  [4, { as: 'refused', says: 'refused' }],
  // Something in between may have passed the request on before it failed.
  [5, { as: 'no_answer', says: 'the cloud has trouble' }],
])

export const noSuchStatus: Verdict = { as: 'unreadable', says: 'a status that does not exist' }

/** The token endpoint's no to something else than the refresh token; the credentials may be as good as ever. */
export const notRenewed: Verdict = { as: 'refused', says: 'the token is not renewed' }

/** The verdict on a status other than 2xx. */
export function verdictOfStatus(status: HttpStatus, creates: boolean): Verdict {
  if (status === 409 && creates) return conflict
  return statuses.get(status) ?? statusClasses.get(Math.floor(status / 100)) ?? noSuchStatus
}
