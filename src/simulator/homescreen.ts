/**
 * What a client asks first: which region, which version, and the home screen with all devices.
 *
 * The fields and their order follow captures of 2022 to 2025; what differs between accounts comes from the
 * specification, the rest is constant. `update_required: true` stands there although all works, because a
 * real account showed that for years (home-assistant/core#107143).
 */
import { type CameraSpec, isReadable, type ModuleSpec, storageOf } from './account-spec.ts'
import { type Answer, json, wireTime } from './answer.ts'
import type { AccountState, Cloud } from './cloud.ts'
import type { Route } from './router.ts'

type CameraList = 'cameras' | 'owls' | 'doorbells'

export const MADE_AT = '2025-02-16T11:20:07+00:00'

export function homescreenRoutes(cloud: Cloud): readonly Route[] {
  const homescreen = ({ account }: { readonly account: AccountState }) => showHome(account, cloud.time.now())
  return [
    {
      kind: 'tier-info',
      method: 'GET',
      pattern: '/api/v1/users/tier_info',
      access: 'gateway',
      handle: ({ account }) => json(200, { tier: account.region, account_id: account.id }),
    },
    {
      kind: 'version',
      method: 'GET',
      pattern: '/api/v1/version',
      access: 'public',
      handle: () => json(200, { message: 'OK', code: 103, update_available: false, update_required: false }),
    },
    {
      kind: 'homescreen',
      method: 'GET',
      pattern: '/api/v3/accounts/{a}/homescreen',
      access: 'account',
      handle: homescreen,
    },
    {
      kind: 'homescreen',
      method: 'GET',
      pattern: '/api/v4/accounts/{a}/homescreen',
      access: 'account',
      handle: homescreen,
    },
  ]
}

function showHome(account: AccountState, now: number): Answer {
  const inList = (list: CameraList) =>
    [...account.cameras.values()].filter((camera) => listOf(camera) === list)
  const body = {
    account: {
      id: account.id,
      email_verified: true,
      email_verification_required: true,
      amazon_account_linked: false,
    },
    networks: [...account.networks.values()].map(({ id, name }) => ({
      id,
      name,
      created_at: MADE_AT,
      updated_at: MADE_AT,
      time_zone: 'Europe/Berlin',
      dst: true,
      armed: true,
      lv_save: false,
    })),
    sync_modules: [...account.modules.values()].map(({ spec }) => showModule(spec, now)),
    cameras: inList('cameras').map((camera) => showCamera(account.id, camera)),
    sirens: [],
    chimes: [],
    video_stats: { storage: 0, auto_delete_days: 30, auto_delete_day_options: [3, 7, 14, 30, 60] },
    doorbell_buttons: [],
    owls: inList('owls').map((camera) => showPowered(account.id, camera)),
    doorbells: inList('doorbells').map((camera) => showPowered(account.id, camera)),
    app_updates: {
      message: 'An app update is required',
      code: 105,
      update_available: true,
      update_required: true,
    },
    device_limits: {
      camera: 10,
      chime: 5,
      doorbell: 10,
      doorbell_button: 2,
      owl: 10,
      siren: 5,
      total_devices: 20,
    },
    whats_new: { updated_at: 20210208, url: 'https://updates.blinkforhome.com/' },
    subscriptions: { updated_at: MADE_AT },
    entitlements: { updated_at: MADE_AT },
    tiv_lock_enable: true,
    tiv_lock_status: { locked: true },
    accessories: { storm: [], rosie: [] },
  }
  // The only place where the ids of client and user are told: blinkpy, validate_homescreen.
  return json(200, body, {
    'Client-Id': String(account.id + 1_000_000),
    'User-Id': String(account.id + 2_000_000),
  })
}

function showModule(spec: ModuleSpec, now: number): object {
  return {
    id: spec.id,
    created_at: MADE_AT,
    updated_at: MADE_AT,
    onboarded: spec.onboarded ?? true,
    status: spec.status ?? 'online',
    name: spec.name,
    serial: serialOf(spec),
    fw_version: spec.firmware ?? '16.0.32',
    // The captures of 2020 that lack the storage fields lack the type as well.
    ...(storageOf(spec) !== 'absent' && { type: spec.type ?? 'sm2', subtype: spec.subtype ?? 'none' }),
    last_hb: wireTime(now),
    wifi_strength: 5,
    network_id: spec.networkId,
    enable_temp_alerts: true,
    ...(storageOf(spec) !== 'absent' && {
      local_storage_enabled: spec.storageEnabled ?? isReadable(spec),
      local_storage_compatible: spec.storageCompatible ?? storageOf(spec) !== 'incompatible',
      local_storage_status: storageOf(spec),
      revision: '00',
    }),
    ...spec.extra,
  }
}

export function serialOf(spec: ModuleSpec): string {
  return spec.serial ?? `G8T1${String(spec.id).padStart(8, '0')}`
}

/** The home screen's list that a camera stands in, by its type. */
export function listOf(camera: CameraSpec): CameraList {
  if (camera.type === 'owl' || camera.type === 'hawk') return 'owls'
  return camera.type === 'lotus' ? 'doorbells' : 'cameras'
}

function showCamera(accountId: number, camera: CameraSpec): object {
  return {
    ...showCommon(accountId, camera),
    type: camera.type ?? 'catalina',
    status: 'done',
    battery: 'ok',
    usage_rate: false,
    issues: [],
    signals: { lfr: 5, wifi: 5, temp: 68, battery: 3 },
    local_storage_enabled: true,
    local_storage_compatible: true,
    snooze: false,
    snooze_time_remaining: null,
    revision: '00',
  }
}

function showPowered(accountId: number, camera: CameraSpec): object {
  return {
    ...showCommon(accountId, camera),
    type: camera.type ?? 'owl',
    onboarded: true,
    status: 'online',
    local_storage_enabled: true,
    local_storage_compatible: true,
  }
}

/** Where the last picture of a camera is. @see blinkpy, blinkpy/camera.py, update_images, for the form */
export function thumbnailOf(accountId: number, camera: CameraSpec): string {
  const place = `accounts/${accountId}/networks/${camera.networkId}/${camera.type ?? 'catalina'}/${camera.id}`
  return `/api/v3/media/${place}/thumbnail/thumbnail.jpg?ts=1763673239&ext=`
}

function showCommon(accountId: number, camera: CameraSpec): object {
  return {
    id: camera.id,
    name: camera.name,
    network_id: camera.networkId,
    created_at: MADE_AT,
    updated_at: MADE_AT,
    serial: `G8V1${String(camera.id).padStart(8, '0')}`,
    fw_version: '10.53',
    enabled: true,
    thumbnail: thumbnailOf(accountId, camera),
  }
}
