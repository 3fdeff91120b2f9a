/**
 * What other clients ask for when they start: networks, the module of a network, cameras, usage, media.
 *
 * Our own daemon needs none of it. It is here so that existing clients can be run against the simulator,
 * which is how we know that the rest of it is near enough to the real cloud.
 *
 * @see BlinkMonitorProtocol, unversioned/network/ and v1/camera/get-usage.md
 * @see blinkpy, blinkpy/api.py for the paths; sync_module.py and camera.py for the fields it needs
 */
import type { CameraSpec, NetworkSpec } from './account-spec.ts'
import { type Answer, json, wireTime } from './answer.ts'
import { type AccountState, type Cloud, type ModuleState, modulesOf } from './cloud.ts'
import { listOf, MADE_AT, serialOf, thumbnailOf } from './homescreen.ts'
import { refuse } from './refusals.ts'
import type { Route, Visit } from './router.ts'

export function networkRoutes(cloud: Cloud): readonly Route[] {
  const get = (kind: string, pattern: string, handle: (visit: Visit) => Answer): Route => ({
    kind,
    method: 'GET',
    pattern,
    access: 'account',
    handle,
  })
  return [
    get('networks', '/networks', ({ account }) => listNetworks(cloud, account)),
    get('network', '/network/{n}', (visit) => showNetwork(cloud, visit)),
    // Returns the network and is no command, so it keeps no module busy: update-network.md, and blinkpy reads
    // `network` out of it. The new values that a client may send along are not kept.
    { ...get('network-update', '/network/{n}/update', (visit) => showNetwork(cloud, visit)), method: 'POST' },
    get('syncmodule', '/network/{n}/syncmodules', (visit) => showModule(cloud, visit)),
    get('cameras', '/network/{n}/cameras', ({ account, number }) =>
      json(200, {
        devicestatus: camerasOf(account, number('n')).map((camera) => describeCamera(account.id, camera)),
      }),
    ),
    get('camera-config', '/network/{n}/camera/{c}/config', (visit) =>
      withCamera(visit, (camera) =>
        json(200, { camera: [describeCamera(visit.account.id, camera)], signals }),
      ),
    ),
    get('camera-signals', '/network/{n}/camera/{c}/signals', (visit) =>
      withCamera(visit, () => json(200, { ...signals, updated_at: wireTime(cloud.time.now()) })),
    ),
    get('camera-config', '/api/v1/accounts/{a}/networks/{n}/owls/{c}/config', (visit) =>
      withCamera(visit, (camera) => json(200, describeCamera(visit.account.id, camera))),
    ),
    get('camera-usage', '/api/v1/camera/usage', ({ account }) => json(200, showUsage(account))),
    get('media-changed', '/api/v1/accounts/{a}/media/changed', () =>
      json(200, { limit: 500, purge_id: 0, refresh_count: 0, media: [] }),
    ),
    get('video-count', '/api/v2/videos/count', () => json(200, { count: 0 })),
    get('events', '/events/network/{n}', () => json(200, { event: [] })),
    get('notifications', '/api/v1/accounts/{a}/notifications/configuration', () =>
      json(200, { notifications: {} }),
    ),
    get('thumbnail', '/api/v3/media/accounts/{a}/networks/{n}/[a-z]+/{c}/thumbnail/thumbnail\\.jpg', () => ({
      status: 200,
      headers: { 'Content-Type': 'image/jpeg' },
      body: Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'),
    })),
  ]
}

const signals = { lfr: 5, wifi: 5, temp: 68, battery: 3 }

function listNetworks(cloud: Cloud, account: AccountState): Answer {
  const networks = [...account.networks.values()]
  return json(200, {
    summary: Object.fromEntries(networks.map(({ id, name }) => [id, { name, onboarded: true }])),
    networks: networks.map((network) => describeNetwork(cloud, account, network)),
  })
}

function showNetwork(cloud: Cloud, { account, number }: Visit): Answer {
  const network = account.networks.get(number('n'))
  return network ? json(200, { network: describeNetwork(cloud, account, network) }) : refuse('notFound')
}

function showModule(cloud: Cloud, { account, number }: Visit): Answer {
  const module = modulesOf(account, number('n'))[0]
  return module ? json(200, { syncmodule: describeModule(cloud, module) }) : refuse('moduleNotFound')
}

function describeNetwork(cloud: Cloud, account: AccountState, { id, name }: NetworkSpec): object {
  const modules = modulesOf(account, id)
  return {
    id,
    created_at: MADE_AT,
    updated_at: MADE_AT,
    deleted_at: null,
    name,
    network_key: '',
    description: '',
    network_origin: 'normal',
    locale: '',
    time_zone: 'Europe/Berlin',
    dst: true,
    ping_interval: 60,
    encryption_key: null,
    armed: true,
    autoarm_geo_enable: false,
    autoarm_time_enable: false,
    lv_mode: 'relay',
    lfr_channel: 0,
    video_destination: 'server',
    storage_used: 0,
    storage_total: 0,
    video_count: 0,
    video_history_count: 4000,
    sm_backup_enabled: true,
    arm_string: 'Armed',
    busy: modules.some((module) => cloud.isBusy(module)),
    camera_error: false,
    sync_module_error: modules.some((module) => module.spec.status === 'offline'),
    feature_plan_id: null,
    location_id: null,
    account_id: account.id,
  }
}

function describeModule(cloud: Cloud, { accountId, spec }: ModuleState): object {
  return {
    id: spec.id,
    created_at: MADE_AT,
    updated_at: MADE_AT,
    last_activity: '1970-01-01',
    name: spec.name,
    fw_version: spec.firmware ?? '16.0.32',
    mac_address: null,
    ip_address: '192.0.2.1',
    lfr_frequency: null,
    serial: serialOf(spec),
    status: spec.status ?? 'online',
    onboarded: spec.onboarded ?? true,
    server: 'i-0000000000000000',
    last_hb: wireTime(cloud.time.now()),
    os_version: '6.16.3',
    last_wifi_alert: null,
    wifi_alert_count: 0,
    last_offline_alert: null,
    offline_alert_count: 0,
    table_update_sequence: 1763673239,
    local_storage_enabled: spec.storageEnabled ?? false,
    last_backup_started: null,
    last_backup_completed: null,
    last_backfill_completed: null,
    backfill_in_progress: null,
    ring_device_id: null,
    first_boot: MADE_AT,
    feature_plan_id: null,
    account_id: accountId,
    network_id: spec.networkId,
    country_id: 'DE',
    vo9_channel: 0,
    wifi_strength: 5,
  }
}

function withCamera({ account, number }: Visit, handle: (camera: CameraSpec) => Answer): Answer {
  const camera = account.cameras.get(number('c'))
  return camera?.networkId === number('n') ? handle(camera) : refuse('notFound')
}

function camerasOf(account: AccountState, networkId: number): readonly CameraSpec[] {
  return [...account.cameras.values()].filter((camera) => camera.networkId === networkId)
}

function describeCamera(accountId: number, camera: CameraSpec): object {
  return {
    id: camera.id,
    camera_id: camera.id,
    network_id: camera.networkId,
    name: camera.name,
    type: camera.type ?? 'catalina',
    serial: `G8V1${String(camera.id).padStart(8, '0')}`,
    fw_version: '10.53',
    enabled: true,
    motion_alert: true,
    battery_state: 'ok',
    battery_voltage: 162,
    temperature: 68,
    wifi_strength: -45,
    thumbnail: thumbnailOf(accountId, camera),
  }
}

/** Only cameras with a battery are listed: a Mini has its own list on the home screen. */
function showUsage(account: AccountState): object {
  return {
    range_days: 7,
    reference: { usage: 400 },
    networks: [...account.networks.values()].map(({ id, name }) => ({
      network_id: id,
      name,
      cameras: camerasOf(account, id)
        .filter((camera) => listOf(camera) === 'cameras')
        .map((camera) => ({ id: camera.id, name: camera.name, usage: 1, lv_seconds: 0, clip_seconds: 0 })),
    })),
  }
}
