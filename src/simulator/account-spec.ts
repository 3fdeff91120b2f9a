/**
 * What a simulated home consists of: accounts, their networks, sync modules, cameras and clips.
 *
 * Values only, and only what shows in an answer; what is left out gets a plausible default when it is shown.
 */

export interface AccountSpec {
  readonly id: number
  /** The part behind `rest-` in the host name: e006, e008, u011 ... */
  readonly region: string
  /** The OAuth client that the first refresh token was issued to; `ios` when absent. */
  readonly clientId?: string
  /** The first refresh token; a random one when absent. */
  readonly refreshToken?: string
  /** Who signs in; made up from the account's id where absent. */
  readonly person?: PersonSpec
  readonly networks: readonly NetworkSpec[]
  readonly modules: readonly ModuleSpec[]
  readonly cameras?: readonly CameraSpec[]
}

export interface PersonSpec {
  /** In lower case. */
  readonly email?: string
  readonly password?: string
  /** The code that reaches the person's phone, the same each time; 6 digits. */
  readonly code?: string
  /** As the sign-in page shows it, mostly masked. */
  readonly phone?: string
  /** How the wish for a code is answered: HTTP 202 with details, 412 without; or there is none. 202 if absent. */
  readonly challenge?: 202 | 412 | 'none'
  /** The pause that the cloud names between two codes; 60 when absent. */
  readonly resendSeconds?: number
  /** The account was made by way of Amazon and has no password of its own. */
  readonly amazon?: boolean
}

export interface NetworkSpec {
  readonly id: number
  /** Not unique: two networks of one account may share a name. */
  readonly name: string
}

export interface ModuleSpec {
  readonly id: number
  /** May name a network that the account does not list; a real capture had that. */
  readonly networkId: number
  readonly name: string
  /** `sm1`, `sm2`, `sm3`, `kalahari`; `sm2` when absent. */
  readonly type?: string
  readonly subtype?: string
  readonly serial?: string
  readonly firmware?: string
  readonly onboarded?: boolean
  /** `online` when absent. */
  readonly status?: string
  /**
   * `local_storage_status`: active, memory_full, format_required, unmounted, unavailable, incompatible, or
   * anything a test wants to see. The value `absent` leaves out all three `local_storage_*` fields, as in
   * captures of 2020. `active` when absent.
   */
  readonly storage?: string
  /** `local_storage_enabled`; by default true for active and memory_full. The real flag lags behind. */
  readonly storageEnabled?: boolean
  /** `local_storage_compatible`; by default true unless the storage is `incompatible`. */
  readonly storageCompatible?: boolean
  /** `vo9_compatible` and whatever else a test wants to see in the module's homescreen entry. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** `usb_storage_used`, in percent; 31 when absent, 100 for a full drive. */
  readonly storageUsed?: number
  readonly clips?: readonly ClipSpec[]
}

export interface CameraSpec {
  readonly id: number
  readonly networkId: number
  readonly name: string
  /** `owl` and `hawk` show under owls, `lotus` under doorbells, all others under cameras. */
  readonly type?: string
}

export interface ClipSpec {
  readonly id: number
  readonly cameraName: string
  /** In KiB: that is what the cloud's field `size` holds in practice. */
  readonly size: number
  readonly createdAt: string
}

/** The storage state a module shows. */
export function storageOf(spec: ModuleSpec): string {
  return spec.storage ?? 'active'
}

/** Whether the stick holds clips that can be listed: a full one still answers. */
export function isReadable(spec: ModuleSpec): boolean {
  return storageOf(spec) === 'active' || storageOf(spec) === 'memory_full'
}
