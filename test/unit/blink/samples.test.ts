/**
 * Every published answer of the cloud, and what comes out of it here.
 *
 * The directory is read as it is: an answer that is added and not spoken for fails the last test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CallKind } from '../../../src/blink/api.ts'
import {
  readClipRequest,
  readCommand,
  readManifest,
  readStorageStatus,
} from '../../../src/blink/clip-wire.ts'
import { classify } from '../../../src/blink/response.ts'
import { readHomescreen, readManifestRequest, readTierInfo, readTokens } from '../../../src/blink/wire.ts'
import type { Manifest } from '../../../src/domain/clip.ts'
import { DaemonError } from '../../../src/domain/errors.ts'
import type { SyncModule } from '../../../src/domain/model.ts'

interface Sample {
  readonly status: number | null
  readonly body?: unknown
  readonly body_text?: string
}

const directory = join(import.meta.dirname, '../../fixtures/cloud')

function sample(name: string): Sample {
  return JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as Sample
}

/** What a call makes of a sample: the value read, or the error with what a caller acts on. */
function outcomeOf(name: string, kind: CallKind, status: number): unknown {
  const { body, body_text: text = JSON.stringify(body) } = sample(name)
  try {
    return readers[kind](classify({ kind, status, text, now: 0 }))
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    const { name: type, condition, bodyCode, outcome, retryable, retryAfterMs } = error as DaemonError & Seen
    return JSON.parse(JSON.stringify({ type, condition, bodyCode, outcome, retryable, retryAfterMs }))
  }
}

interface Seen {
  readonly condition?: string
  readonly bodyCode?: number
  readonly outcome?: string
  readonly retryAfterMs?: number
}

const readers: Record<CallKind, (json: unknown) => unknown> = {
  token(json) {
    const { accessToken, refreshToken, lifeMs } = readTokens(json)
    return [accessToken.reveal(), refreshToken?.reveal(), lifeMs]
  },
  tier_info: readTierInfo,
  manifest_request: readManifestRequest,
  homescreen: (json) => readHomescreen(json, '8021').modules.map(brief),
  manifest: (json) => listed(readManifest(json)),
  media: (json) => listed(readManifest(json, 'media')),
  clip_request: readClipRequest,
  command: readCommand,
  // A file in place of JSON; only its refusals are read.
  clip: (json) => json,
  storage_status: readStorageStatus,
}

function listed({ manifestId, clips }: Manifest): readonly string[] {
  return [
    `manifest ${manifestId}`,
    ...clips.map(({ clipId, createdAt, listedSize, cameraName }) =>
      [clipId, new Date(createdAt).toISOString(), listedSize, cameraName].join(' '),
    ),
  ]
}

function brief(module: SyncModule): string {
  const { networkId, syncModuleId, name, networkName, model, connection, onboarded, storage } = module
  const words = [onboarded ? connection : 'not onboarded', storage ?? 'storage not known']
  return `${networkId}/${syncModuleId} ${name} in ${networkName}, ${model}: ${words.join(', ')}`
}

const notDone = { outcome: 'not-done', retryable: false }
const refused = (bodyCode?: number, condition?: string) => ({
  type: 'CloudRefused',
  ...(condition && { condition }),
  ...(bodyCode && { bodyCode }),
  ...notDone,
})
const busy = (bodyCode: number) => ({ type: 'ModuleBusy', bodyCode, outcome: 'not-done', retryable: true })
const login = { type: 'LoginNeeded', ...notDone }

/** By kind of call: sample, and what it comes to. */
const answers: Record<CallKind, Record<string, unknown>> = {
  manifest_request: {
    'manifest-request-accepted': '670555852',
    'error-busy-409-307': busy(307),
    'error-network-busy-308.synthetic': busy(308),
    'error-sync-module-offline-402.synthetic': refused(402, 'offline'),
    'error-not-in-local-storage-mode-416.synthetic': refused(416, 'no_storage'),
    'error-local-storage-not-enabled-2122.synthetic': refused(2122, 'no_storage'),
    'error-local-storage-unavailable-107.synthetic': refused(107, 'no_storage'),
    'error-local-storage-status-not-found-414.synthetic': refused(414, 'no_storage'),
    'error-firmware-incompatible-2105.synthetic': refused(2105, 'incompatible'),
    'error-sync-module-not-found-400.synthetic': refused(400),
    'error-invalid-sync-module-406.synthetic': refused(406),
    'error-invalid-clip-id-2103.synthetic': refused(2103),
    'error-invalid-manifest-id-2104.synthetic': refused(2104),
    'error-403-rate.synthetic': { type: 'AccountThrottled', ...notDone },
    'error-406-text-plain': { type: 'AccountThrottled', ...notDone },
    'error-429-rate.synthetic': { type: 'AccountThrottled', bodyCode: 111, ...notDone },
  },
  token: {
    'oauth-token-response-v2.synthetic': ['ACCESS', 'REFRESH2', 14_400_000],
    'oauth-token-response-no-rotation.synthetic': ['ACCESS', undefined, 3_600_000],
    'oauth-invalid-grant': login,
    'oauth-invalid-credentials': login,
    'oauth-invalid-client': refused(),
    'oauth-password-grant-retired-401': login,
    'error-login-limit-106.synthetic': {
      type: 'AccountThrottled',
      bodyCode: 106,
      ...notDone,
      retryAfterMs: 3_600_000,
    },
    'error-426-app-update': refused(),
  },
  tier_info: {
    'tier-info': { region: 'e008', accountId: '123456' },
  },
  homescreen: {
    'error-unauthorized-401-101': { type: 'TokenRefused', bodyCode: 101, ...notDone },
    'homescreen-sm2-active-but-enabled-false': ['2001/5001 Sync Module 1 in undefined, sm2: online, active'],
    'homescreen-three-networks-two-modules': [
      '2000001/3000001 Blink SM in 82 Downing, sm1: online, unavailable',
      '312885/3000002 My Blink Sync Module in undefined, sm2: online, unavailable',
    ],
    'homescreen-sm1-2020-not-compatible': ['2000001/3000001 Blink SM in Example, sm1: online, incompatible'],
    'homescreen-old-module-without-local-storage-fields': [
      '5678/123456 My Blink Sync Module in Network-Name, undefined: online, storage not known',
    ],
    'homescreen-sm2-enabled-active.synthetic': [
      '189117/123456 My Blink Sync Module in Home, sm2: online, active',
    ],
    'homescreen-all-storage-states.synthetic': [
      '100/9000 Ready in A, sm2: online, active',
      '101/9001 Full in B, sm2: online, memory_full',
      '102/9002 Format in C, sm2: online, format_required',
      '103/9003 Ejected in C, sm2: online, unmounted',
      '104/9004 No drive in E, sm3: online, unavailable',
      '105/9005 Core in F, kalahari: online, incompatible',
      '106/9006 Offline in G, sm2: offline, active',
      '107/9007 Not onboarded in H, sm2: not onboarded, unavailable',
    ],
    // The tail of a log line, without the lists: not an account without modules.
    'homescreen-tail-2024-app-update-required': { type: 'CloudChanged', ...notDone },
  },
  manifest: {
    'manifest-not-ready-409.reconstructed': busy(2113),
    'manifest-ready-empty.synthetic': ['manifest 8978'],
    'manifest-ready': [
      'manifest 8977',
      '2718594887 2025-11-20T21:17:25.000Z 382 UpdatedCameraName',
      '1282703322 2025-11-19T15:53:02.000Z 188 Camera',
      '3192005412 2025-11-19T07:04:05.000Z 290 Camera',
    ],
    'manifest-ready-2022': [
      'manifest 4321',
      '866333964 2022-12-01T21:11:50.000Z 234 BackDoor',
      '1568781420 2022-12-01T21:11:22.000Z 430 FrontDoor',
      '1289590916 2022-12-01T18:12:26.000Z 425 BackDoor',
      '1893118325 2022-12-01T11:35:52.000Z 186 FrontDoor',
      '2358747807 2022-12-01T11:34:55.000Z 452 Yard',
    ],
  },
  media: {
    'media-by-command-ready.synthetic': [
      'manifest 8',
      '9 2026-09-09T10:00:00.000Z  Balcone',
      '10 2026-09-09T10:00:00.000Z  ',
    ],
  },
  clip_request: {
    'clip-request-accepted': '670557344',
  },
  command: {
    'command-status-sent': 'running',
    'command-status-running': 'running',
    'command-status-complete': 'done',
    'command-status-complete-2025': 'done',
    'command-status-failed.synthetic': 'failed',
  },
  clip: {
    'clip-not-uploaded-yet': refused(700),
  },
  storage_status: {
    'local-storage-status.synthetic': { state: 'active', usedPercent: 31, full: false, warning: 0 },
  },
}

/** Answers to what this program never asks, and who asks it. */
const notOurs: Record<string, string> = {
  'network-syncmodules': 'the home screen lists the modules',
  'networks-list': 'the home screen lists the networks',
  'oauth-2fa-verified-201': 'part of a first sign-in, by a person',
  'oauth-signin-2fa-202': 'part of a first sign-in, by a person',
  'oauth-signin-empty-cookies-400': 'part of a first sign-in, by a person',
  'version-ok': 'the app asks whether it is too old',
}

const cases = (Object.entries(answers) as [CallKind, Record<string, unknown>][]).flatMap(([kind, rows]) =>
  Object.entries(rows).map(([name, expected]) => ({ name, kind, expected })),
)

/** Where nobody published the status, the body must be enough. */
const anyStatus = [400, 401, 403, 404, 406, 409, 422]

/** What RFC 6749 says of these bodies: a login is too dear to be lost by any other status. */
const oauthStatuses: Readonly<Record<string, readonly number[]>> = {
  'oauth-invalid-grant': [400, 401],
  'oauth-invalid-credentials': [400, 401],
  'oauth-invalid-client': [400],
}

test.each(cases)('the sample $name is read as it should', ({ name, kind, expected }) => {
  const { status } = sample(name)

  for (const given of status === null ? (oauthStatuses[name] ?? anyStatus) : [status]) {
    expect(outcomeOf(name, kind, given), `with status ${given}`).toEqual(expected)
  }
})

test('a code in the body says the same beside any status, even that of a success', () => {
  const coded = cases.filter(
    ({ name }) => (sample(name).body as { code?: number } | undefined)?.code !== undefined,
  )

  expect(coded.length).toBe(17)
  for (const { name, kind, expected } of coded) {
    for (const status of [200, 202, ...anyStatus, 500, 503]) {
      expect(outcomeOf(name, kind, status), `${name} with status ${status}`).toEqual(expected)
    }
  }
})

test('every sample is spoken for', () => {
  const names = readdirSync(directory).map((file) => file.replace(/\.json$/, ''))

  expect([...cases.map(({ name }) => name), ...Object.keys(notOurs)].sort()).toEqual(names.sort())
})
