/** An example of each payload on MQTT, as the documentation shows them. Checked against the schemas by a test. */

export const ids = { account_id: 8021, network_id: 44107, sync_module_id: 350221 }
const run = { trigger: 'schedule', tick_id: '2026-11-23T09:10:00.000Z' }
const path =
  '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage/manifest/request/670555852'
export const requestId = { request_id: 670555852, request_id_str: '670555852' }
const requestedAt = { requested_at: '2026-11-23T09:12:44.182Z' }
export const expiresAt = { expires_at: '2026-11-23T09:22:44.182Z' }

export const workItem = {
  schema: 1,
  event_type: 'manifest_requested',
  event_id: '019dfa1e-9a56-7d5c-8f0e-5b1f6f0c2a11',
  ts: '2026-11-23T09:12:44.182Z',
  ...ids,
  ...requestId,
  ...run,
  attempt: 1,
  poll_path: path,
  poll_url: `https://rest-e008.immedia-semi.com${path}`,
  ...requestedAt,
  ...expiresAt,
}

const busy = {
  code: 'module_busy',
  message: 'manifest request: the network is busy (HTTP 409, code 308)',
  http_status: 409,
  body_code: 308,
  retryable: true,
  retry_at: null,
}

const failed = {
  schema: 1,
  event_type: 'manifest_request_failed',
  event_id: '019dfa1e-9a57-7c01-9d2e-0c4ab1f6a3d7',
  ts: '2026-11-23T09:11:02.517Z',
  ...ids,
  ...run,
  attempt: 5,
  outcome: 'busy',
  error: busy,
}

const skipped = {
  schema: 1,
  event_type: 'manifest_request_skipped',
  event_id: '019dfa1e-9a58-7e44-8b13-6f0d9c2e5b80',
  ts: '2026-11-23T09:10:01.204Z',
  ...ids,
  ...run,
  attempt: 0,
  outcome: 'skipped',
  reason: 'paused',
  repeated: false,
}

const listedClip = { camera: 'FrontDoor', created_at: '2026-11-23T09:11:22.000Z', size_kib: 430 }
const ofClips = { ...ids, request_id: 670555852 }

const manifestReady = {
  schema: 1,
  event_type: 'manifest_ready',
  event_id: '019dfa1e-9a60-7b12-9c3d-2f1e0d4c5b6a',
  ts: '2026-11-23T09:12:50.311Z',
  ...ofClips,
  manifest_id: 8977,
  clip_count: 1,
  new_count: 1,
  latency_ms: 6129,
  clips: [listedClip],
}

const manifestFailed = {
  schema: 1,
  event_type: 'manifest_failed',
  event_id: '019dfa1e-9a61-7b12-9c3d-2f1e0d4c5b6b',
  ts: '2026-11-23T09:14:14.182Z',
  ...ofClips,
  reason: 'late',
}

const clipFailed = {
  schema: 1,
  event_type: 'clip_failed',
  event_id: '019dfa1e-9a62-7b12-9c3d-2f1e0d4c5b6c',
  ts: '2026-11-23T09:13:02.004Z',
  ...ofClips,
  clip: listedClip,
  reason: 'cut',
  retry_at: '2026-11-24T09:13:02.004Z',
}

export const clipNew = {
  schema: 1,
  event_type: 'clip_new',
  event_id: '019dfa1e-9a63-7b12-9c3d-2f1e0d4c5b6d',
  ts: '2026-11-23T09:12:55.020Z',
  ...ofClips,
  camera: 'FrontDoor',
  camera_id: 610003,
  created_at: '2026-11-23T09:11:22.000Z',
  size_bytes: 440320,
  path: 'Home/Front Door/2026-11-23/20261123T091122Z_Front Door.mp4',
  media_content_id:
    'media-source://media_source/local/blink/Home/Front%20Door/2026-11-23/20261123T091122Z_Front%20Door.mp4',
  sha256: '315f0fecbb868dfa1bcaffd52b126eee4a83cb8d56165063a83577f89dcbd415',
  downloaded_at: '2026-11-23T09:12:55.020Z',
}

const clips = {
  ...{ count: 14, new: 1, downloaded: 13, failed: 0, bytes: 5724160 },
  ...{ newest_at: '2026-11-23T09:11:22.000Z', oldest_at: '2026-11-20T18:12:26.000Z', last_error: null },
}

const found = {
  schema: 1,
  event_type: 'sync_module_found',
  event_id: '019dfa1e-9a59-7b1d-a6c2-77d0c3a91e02',
  ts: '2026-11-23T09:10:01.204Z',
  ...ids,
  name: 'Garage',
  network_name: 'Home',
}

const tickDone = {
  schema: 1,
  event_type: 'tick_done',
  event_id: '019dfa1e-9a5a-7f3e-8d4b-1c2e5a7b9d03',
  ts: '2026-11-23T09:12:45.020Z',
  ...run,
  requested: 1,
  failed: 0,
  skipped: 1,
  duration_ms: 838,
}

const accountState = { state: 'ok', since: '2026-11-23T08:00:01.377Z', detail: null, retry_at: null }
const ok = { transaction: 'abc', status: 'ok' }
const error = (code: string, message: string, data: object = {}) => ({
  transaction: 'abc',
  status: 'error',
  data,
  error: { code, message, retryable: false, retry_at: null },
})
const target = { transaction: 'abc', account_id: 8021, network_id: 44107 }
const paused = (isPaused: boolean) => ({ ...ok, data: { modules: 1, paused: isPaused } })

/** By the name of the document's file in `docs/schemas`. */
export const examples: Readonly<Record<string, readonly unknown[]>> = {
  'bridge-info': [
    {
      version: '0.1.0',
      schema: 1,
      install_id: '0a1b2c3d',
      started_at: '2026-11-23T08:00:00.000Z',
      next_tick_at: '2026-11-23T09:15:00.000Z',
      log_level: 'info',
      settings: { request: { ttlSeconds: 600 } },
    },
  ],
  'bridge-event': [found, tickDone],
  'account-state': [
    accountState,
    {
      state: 'throttled',
      since: '2026-11-23T09:10:02.110Z',
      detail: 'discover: too many requests (HTTP 429)',
      retry_at: '2026-11-23T10:10:02.110Z',
    },
  ],
  'module-info': [
    {
      name: 'Garage',
      network_name: 'Home',
      serial: 'G8T1-0001-0000-0001',
      model: 'sm2',
      firmware: '4.5.19',
      storage_status: 'active',
      storage_used_percent: 93,
      storage_warning: 3,
    },
  ],
  'module-state': [
    {
      status: 'idle',
      request_id: 670555852,
      ...requestedAt,
      last_attempt_at: '2026-11-23T09:12:44.182Z',
      last_outcome: 'requested',
      last_error: null,
      latency_ms: 412,
      requests_total: 17,
      failures_in_a_row: 0,
      paused: false,
      interval_s: 300,
      next_attempt_at: '2026-11-23T09:15:04.000Z',
    },
  ],
  'work-item': [workItem],
  'manifest-pending': [[workItem]],
  'module-event': [workItem, failed, skipped, manifestReady, manifestFailed, clipFailed],
  'manifest-ready': [manifestReady],
  'module-clips': [clips],
  'clip-new': [clipNew],
  'command-manifest-request': [{}, target],
  'command-clips-sync': [{}, target],
  'command-rescan': [{}],
  'command-pause': [target],
  'command-resume': [target],
  'command-options': [{ log_level: 'debug' }],
  'command-health': [{ transaction: 'abc' }],
  'response-manifest-request': [
    {
      ...ok,
      data: {
        requested: 1,
        reused: 0,
        failed: 0,
        skipped: 0,
        retry_at: null,
        modules: [
          { ...ids, outcome: 'requested', reused: false, ...requestId, ...requestedAt, ...expiresAt },
        ],
      },
    },
    error('unknown_target', 'no such account; known are 8021'),
  ],
  'response-clips-sync': [
    error('not_enabled', 'manifests are not followed: set manifest.follow or clips.enabled'),
  ],
  'response-rescan': [{ ...ok, data: { accounts: 1, modules: 2, found: 1, renamed: 0, gone: 0 } }],
  'response-pause': [paused(true)],
  'response-resume': [paused(false)],
  'response-options': [{ ...ok, data: { log_level: 'debug' } }],
  'response-health': [
    {
      ...ok,
      data: {
        version: '0.1.0',
        uptime_s: 4_364,
        next_tick_at: '2026-11-23T09:15:00.000Z',
        mqtt: { connected: true, protocol: 5, since: '2026-11-23T08:00:00.412Z', reconnects: 0 },
        accounts: [{ account_id: 8021, ...accountState }],
        store: { state: 'ok', detail: null },
        modules: 2,
        waiting: 0,
      },
    },
  ],
  'response-rejected': [
    error(
      'unknown_verb',
      'no such verb; known are manifest/request, clips/sync, rescan, pause, resume, options, health',
    ),
  ],
}

/** Of plain topics, by channel. */
export const texts: Readonly<Record<string, readonly string[]>> = {
  bridgeState: ['online', 'offline'],
  instanceState: ['online', 'offline'],
  moduleAvailability: ['online', 'offline'],
  requestId: ['670555852'],
  requestedAt: ['2026-11-23T09:12:44.182Z'],
  requestNow: ['PRESS'],
  setPolling: ['ON', 'OFF'],
}
