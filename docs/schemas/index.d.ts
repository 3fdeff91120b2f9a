// Generated from src/topics by `npm run generate`; a test fails when it is stale.
//
// An id of Blink's may be larger than a JavaScript number can hold: JSON.parse rounds it. The form that ends in
// `_str` keeps all digits.

/** What the daemon is, and how it is set up. */
export type BridgeInfo = {
  readonly version: string
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly install_id: string
  readonly started_at: string
  readonly next_tick_at: string | null
  readonly log_level: "trace" | "debug" | "info" | "warn" | "error" | "silent"
  /** The effective settings, without secrets. */
  readonly settings: { readonly [key: string]: unknown }
}

export type BridgeEvent = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "sync_module_found" | "sync_module_gone" | "sync_module_renamed"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly name: string
  readonly network_name: string | null
} | {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "tick_done"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  /** The time of the scheduled run. */
  readonly tick_id: string
  readonly trigger: "schedule" | "start" | "command" | "once"
  readonly requested: number
  readonly failed: number
  readonly skipped: number
  readonly duration_ms: number
}

/** How the account is as a whole, and since when. */
export type AccountState = {
  readonly state: "ok" | "login_required" | "two_factor_required" | "throttled" | "unreachable"
  readonly since: string
  readonly detail: string | null
  readonly retry_at: string | null
}

/** A sync module as the home screen shows it, and how full its drive is. */
export type ModuleInfo = {
  readonly name: string
  readonly network_name: string | null
  readonly serial: string | null
  readonly model: string | null
  readonly firmware: string | null
  readonly storage_status: "active" | "memory_full" | "format_required" | "unmounted" | "unavailable" | "incompatible" | "unknown" | null
  /** With `manifest.follow`, else null. */
  readonly storage_used_percent: number | null
  /** Blink's number: from 3 on the drive is nearly full. With `manifest.follow`, else null. */
  readonly storage_warning: number | null
}

/** What the requests of a sync module have come to. */
export type ModuleState = {
  readonly status: "idle" | "backoff" | "paused" | "unsupported" | "offline" | "error"
  /** The last request ID, also when it has expired. */
  readonly request_id: number | null
  readonly requested_at: string | null
  readonly last_attempt_at: string | null
  readonly last_outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown" | null
  readonly last_error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly body_code: number | null
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  } | null
  readonly latency_ms: number | null
  readonly requests_total: number
  readonly failures_in_a_row: number
  readonly paused: boolean
  /** Seconds between two scheduled runs. */
  readonly interval_s: number | null
  readonly next_attempt_at: string | null
}

/** One accepted manifest request and how to poll for its manifest. */
export type WorkItem = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "manifest_requested"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  /** The id of the request, which is not the id of the manifest. */
  readonly request_id: number
  /** `request_id` for readers whose numbers lose digits beyond 2^53. */
  readonly request_id_str: string
  readonly trigger: "schedule" | "start" | "command" | "once"
  /** The time of the scheduled run. */
  readonly tick_id: string
  /** 1 for the first try in the run. */
  readonly attempt: number
  readonly poll_path: string
  readonly poll_url: string
  readonly requested_at: string
  /** Assumed end of the request ID. */
  readonly expires_at: string
}

/** Those that have not expired, newest last. */
export type ManifestPending = ReadonlyArray<WorkItem>

export type ModuleEvent = WorkItem | ManifestRequestFailed | ManifestRequestSkipped | ManifestReady | ManifestFailed | ClipFailed

export type ManifestRequestFailed = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "manifest_request_failed"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly trigger: "schedule" | "start" | "command" | "once"
  /** The time of the scheduled run. */
  readonly tick_id: string
  readonly attempt: number
  /** What became of one module in one run. */
  readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
  /** What went wrong; never the text of an answer of the cloud. */
  readonly error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly body_code: number | null
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ManifestRequestSkipped = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "manifest_request_skipped"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly trigger: "schedule" | "start" | "command" | "once"
  /** The time of the scheduled run. */
  readonly tick_id: string
  readonly attempt: number
  /** What became of one module in one run. */
  readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
  /** Why a module was not requested. */
  readonly reason: "excluded" | "paused" | "not_onboarded" | "offline" | "no_storage" | "incompatible" | "asked_recently" | "out_of_time"
  /** Skipped for the same reason the last time. */
  readonly repeated: boolean
}

export type ManifestReady = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "manifest_ready"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly request_id: number
  /** The id of the manifest, which is not the id of the request. */
  readonly manifest_id: number
  readonly clip_count: number
  /** Clips that are to be downloaded, or would be. */
  readonly new_count: number
  /** From the accepted request to the manifest. */
  readonly latency_ms: number
  /** The newest first. */
  readonly clips: ReadonlyArray<{
    /** The camera's name as the manifest has it: letters, digits and `_`. */
    readonly camera: string
    readonly created_at: string
    readonly size_kib: number | null
  }>
}

export type ManifestFailed = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "manifest_failed"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly request_id: number
  readonly reason: string
}

export type ClipFailed = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "clip_failed"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly request_id: number
  readonly clip: {
    /** The camera's name as the manifest has it: letters, digits and `_`. */
    readonly camera: string
    readonly created_at: string
    readonly size_kib: number | null
  }
  readonly reason: string
  /** Until then the clip is left alone. */
  readonly retry_at: string
}

export type ModuleClips = {
  /** Clips on the stick. */
  readonly count: number
  /** Clips that wait for their download. */
  readonly new: number
  readonly downloaded: number
  readonly failed: number
  /** Of all files. */
  readonly bytes: number
  readonly newest_at: string | null
  readonly oldest_at: string | null
  readonly last_error: string | null
}

/** A clip is on disk: whole, synced, under its final name. */
export type ClipNew = {
  /** Version of the shape. Additional keys do not raise it. */
  readonly schema: 1
  readonly event_type: "clip_new"
  /** The same on a redelivery: distinguishes copies. */
  readonly event_id: string
  readonly ts: string
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly request_id: number
  readonly camera: string
  /** `null` where no camera of the network, or more than one, has this name. */
  readonly camera_id: number | null
  /** Of the recording. */
  readonly created_at: string
  readonly size_bytes: number
  /** Relative to `clips.directory`, with `/`. */
  readonly path: string
  /** `clips.mediaPrefix` and the path, percent-encoded. */
  readonly media_content_id: string | null
  readonly sha256: string
  readonly downloaded_at: string
  /** With `store.url` only: the daemon that has saved it, below its own `clips.directory`. */
  readonly instance?: string
}

/** The sync modules that are meant: all, those of an account, those of a network, or one. */
export type CommandManifestRequest = {
  readonly transaction?: string | number
  /** A number, or its digits as text. */
  readonly account_id?: number | string
  /** A number, or its digits as text. */
  readonly network_id?: number | string
  /** A number, or its digits as text. */
  readonly sync_module_id?: number | string
}

/** The sync modules that are meant: all, those of an account, those of a network, or one. */
export type CommandClipsSync = {
  readonly transaction?: string | number
  /** A number, or its digits as text. */
  readonly account_id?: number | string
  /** A number, or its digits as text. */
  readonly network_id?: number | string
  /** A number, or its digits as text. */
  readonly sync_module_id?: number | string
}

export type CommandRescan = {
  readonly transaction?: string | number
}

/** The sync modules that are meant: all, those of an account, those of a network, or one. */
export type CommandPause = {
  readonly transaction?: string | number
  /** A number, or its digits as text. */
  readonly account_id?: number | string
  /** A number, or its digits as text. */
  readonly network_id?: number | string
  /** A number, or its digits as text. */
  readonly sync_module_id?: number | string
}

/** The sync modules that are meant: all, those of an account, those of a network, or one. */
export type CommandResume = {
  readonly transaction?: string | number
  /** A number, or its digits as text. */
  readonly account_id?: number | string
  /** A number, or its digits as text. */
  readonly network_id?: number | string
  /** A number, or its digits as text. */
  readonly sync_module_id?: number | string
}

export type CommandOptions = {
  readonly transaction?: string | number
  readonly log_level?: "trace" | "debug" | "info" | "warn" | "error" | "silent"
}

export type CommandHealth = {
  readonly transaction?: string | number
}

export type ResponseManifestRequest = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly requested: number
    /** Modules that were requested a moment before; their last request ID is listed. */
    readonly reused: number
    readonly failed: number
    readonly skipped: number
    readonly retry_at: string | null
    readonly modules: ReadonlyArray<{
      readonly account_id: number
      readonly network_id: number
      readonly sync_module_id: number
      /** What became of one module in one run. */
      readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
      readonly reused: boolean
      readonly request_id: number | null
      readonly request_id_str: string | null
      readonly requested_at: string | null
      readonly expires_at: string | null
    }>
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly requested: number
    /** Modules that were requested a moment before; their last request ID is listed. */
    readonly reused: number
    readonly failed: number
    readonly skipped: number
    readonly retry_at: string | null
    readonly modules: ReadonlyArray<{
      readonly account_id: number
      readonly network_id: number
      readonly sync_module_id: number
      /** What became of one module in one run. */
      readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
      readonly reused: boolean
      readonly request_id: number | null
      readonly request_id_str: string | null
      readonly requested_at: string | null
      readonly expires_at: string | null
    }>
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseClipsSync = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly requested: number
    /** Modules that were requested a moment before; their last request ID is listed. */
    readonly reused: number
    readonly failed: number
    readonly skipped: number
    readonly retry_at: string | null
    readonly modules: ReadonlyArray<{
      readonly account_id: number
      readonly network_id: number
      readonly sync_module_id: number
      /** What became of one module in one run. */
      readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
      readonly reused: boolean
      readonly request_id: number | null
      readonly request_id_str: string | null
      readonly requested_at: string | null
      readonly expires_at: string | null
    }>
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly requested: number
    /** Modules that were requested a moment before; their last request ID is listed. */
    readonly reused: number
    readonly failed: number
    readonly skipped: number
    readonly retry_at: string | null
    readonly modules: ReadonlyArray<{
      readonly account_id: number
      readonly network_id: number
      readonly sync_module_id: number
      /** What became of one module in one run. */
      readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
      readonly reused: boolean
      readonly request_id: number | null
      readonly request_id_str: string | null
      readonly requested_at: string | null
      readonly expires_at: string | null
    }>
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseRescan = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly accounts: number
    readonly modules: number
    readonly found: number
    readonly renamed: number
    readonly gone: number
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly accounts: number
    readonly modules: number
    readonly found: number
    readonly renamed: number
    readonly gone: number
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponsePause = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly modules: number
    readonly paused: boolean
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly modules: number
    readonly paused: boolean
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseResume = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly modules: number
    readonly paused: boolean
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly modules: number
    readonly paused: boolean
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseOptions = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly log_level: "trace" | "debug" | "info" | "warn" | "error" | "silent"
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly log_level: "trace" | "debug" | "info" | "warn" | "error" | "silent"
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseHealth = {
  readonly transaction: string | number | null
  readonly status: "ok"
  readonly data: {
    readonly version: string
    readonly uptime_s: number
    readonly next_tick_at: string | null
    readonly mqtt: {
      readonly connected: boolean
      readonly protocol: 4 | 5 | null
      readonly since: string
      readonly reconnects: number
    }
    readonly accounts: ReadonlyArray<{
      readonly account_id: number | null
      readonly state: "ok" | "login_required" | "two_factor_required" | "throttled" | "unreachable"
      readonly since: string
      readonly detail: string | null
      readonly retry_at: string | null
    }>
    readonly store: {
      readonly state: "ok" | "failing"
      readonly detail: string | null
    }
    readonly modules: number | null
    /** Request IDs that wait for the broker. */
    readonly waiting: number | null
  }
} | {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
    readonly version: string
    readonly uptime_s: number
    readonly next_tick_at: string | null
    readonly mqtt: {
      readonly connected: boolean
      readonly protocol: 4 | 5 | null
      readonly since: string
      readonly reconnects: number
    }
    readonly accounts: ReadonlyArray<{
      readonly account_id: number | null
      readonly state: "ok" | "login_required" | "two_factor_required" | "throttled" | "unreachable"
      readonly since: string
      readonly detail: string | null
      readonly retry_at: string | null
    }>
    readonly store: {
      readonly state: "ok" | "failing"
      readonly detail: string | null
    }
    readonly modules: number | null
    /** Request IDs that wait for the broker. */
    readonly waiting: number | null
  } | {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

export type ResponseRejected = {
  readonly transaction: string | number | null
  readonly status: "error"
  readonly data: {
  }
  readonly error: {
    readonly code: string
    readonly message: string
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  }
}

/** One line for each sync module. */
export type OnceLine = {
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly name: string
  readonly network_name: string | null
  /** What became of one module in one run. */
  readonly outcome: "requested" | "busy" | "offline" | "no_storage" | "incompatible" | "skipped" | "throttled" | "login_required" | "unreachable" | "error" | "unknown"
  readonly asked: boolean
  readonly attempts: number
  readonly at: string
  readonly request_id: number | null
  readonly request_id_str: string | null
  readonly event_id: string | null
  readonly poll_url: string | null
  readonly expires_at: string | null
  readonly latency_ms: number | null
  readonly reason: "excluded" | "paused" | "not_onboarded" | "offline" | "no_storage" | "incompatible" | "asked_recently" | "out_of_time" | null
  readonly error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly body_code: number | null
    /** The request certainly did nothing and may be sent again. */
    readonly retryable: boolean
    readonly retry_at: string | null
  } | null
}

/** One document. */
export type Discover = {
  readonly accounts: ReadonlyArray<{
    readonly account_id: number | null
    readonly state: "ok" | "login_required" | "two_factor_required" | "throttled" | "unreachable"
    readonly error: {
      readonly code: string
      readonly message: string
      readonly http_status: number | null
      readonly body_code: number | null
      /** The request certainly did nothing and may be sent again. */
      readonly retryable: boolean
      readonly retry_at: string | null
    } | null
    readonly networks: ReadonlyArray<{
      readonly network_id: number
      readonly name: string | null
      readonly sync_modules: ReadonlyArray<{
        readonly account_id: number
        readonly network_id: number
        readonly sync_module_id: number
        readonly name: string
        readonly model: string | null
        readonly firmware: string | null
        readonly status: "online" | "offline" | "unknown"
        readonly onboarded: boolean
        readonly storage_status: "active" | "memory_full" | "format_required" | "unmounted" | "unavailable" | "incompatible" | "unknown" | null
        readonly asked: boolean
        readonly reason: "excluded" | "paused" | "not_onboarded" | "offline" | "no_storage" | "incompatible" | "asked_recently" | "out_of_time" | null
      }>
    }>
  }>
}

/** One line for each account. */
export type AccountLine = {
  readonly account_id: number | null
  readonly login: string
  readonly state: "ok" | "login_required" | "two_factor_required" | "throttled" | "unreachable"
  readonly region: string | null
  readonly modules: number | null
  readonly client_id: string
  readonly source: "environment" | "import" | "login"
  readonly refreshed_at: string | null
  readonly refused_at: string | null
  readonly retry_at: string | null
}

/** One line for each sync module, and for each of its clips. */
export type ClipsListLine = {
  readonly kind: "sync_module"
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly name: string | null
  readonly network_name: string | null
  readonly on_stick: number | null
  /** To be downloaded. Those never tried have no line of their own. */
  readonly waiting: number | null
  readonly on_disk: number
  readonly failed: number
  /** Of all files. */
  readonly size_bytes: number
  readonly newest_at: string | null
  readonly oldest_at: string | null
  readonly last_error: string | null
} | {
  readonly kind: "clip"
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly camera: string
  readonly created_at: string
  readonly state: "listed" | "ready" | "saved" | "removed" | "failed"
  readonly on_stick: boolean
  /** As the manifest has it: KiB in practice. */
  readonly listed_size: number | null
  readonly size_bytes: number | null
  /** Relative to the directory of clips. */
  readonly path: string | null
  readonly sha256: string | null
  readonly downloaded_at: string | null
  readonly reason: string | null
  readonly retry_at: string | null
}

/** One line for each clip as it is saved, those that failed at the end, and a summary. */
export type ClipsDownloadLine = {
  readonly kind: "clip"
  readonly account_id: number
  readonly network_id: number
  readonly sync_module_id: number
  readonly camera: string
  readonly created_at: string
  readonly state: "saved" | "failed"
  readonly size_bytes: number | null
  /** Relative to the directory of clips. */
  readonly path: string | null
  readonly sha256: string | null
  /** That of `clip_new`. */
  readonly event_id: string | null
  readonly reason: string | null
  readonly retry_at: string | null
} | {
  readonly kind: "summary"
  /** Clips that were to be downloaded. */
  readonly chosen: number
  readonly saved: number
  readonly failed: number
  /** Neither: the run was ended before. */
  readonly left: number
  /** Of the clips that were saved. */
  readonly size_bytes: number
  readonly elapsed_ms: number
  /** Whose clips could not be listed. */
  readonly sync_modules_failed: number
}

/** One line for each account, and one for a code that is wanted. */
export type LoginLine = {
  readonly state: "signed_in"
  readonly account_id: number | null
  readonly region: string | null
  readonly client_id: string
  readonly source: "environment" | "import" | "login"
  readonly replaced: number
  readonly paused_until: string | null
  readonly error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly body_code: number | null
    readonly retry_at: string | null
    readonly remedy: string | null
  } | null
} | {
  readonly state: "code_wanted"
  readonly phone: string | null
  readonly method: string | null
  readonly sent_at: string
  readonly resend_at: string | null
  readonly expires_at: string
} | {
  readonly state: "failed"
  readonly error: {
    readonly code: string
    readonly message: string
    readonly http_status: number | null
    readonly body_code: number | null
    readonly retry_at: string | null
    readonly remedy: string | null
  }
}

/** One document. */
export type StoreMove = {
  /** The data directory. */
  readonly from: string
  /** Host, port and database, without a password. */
  readonly to: string
  readonly store_schema: string
  readonly install_id: string
  /** By an earlier move; the counts are null then. */
  readonly already_moved: boolean
  readonly accounts: number | null
  /** Credentials whose account is not known yet. */
  readonly unidentified: number | null
  /** Credentials that were refused or damaged: a person must sign in. */
  readonly login_required: number | null
  readonly sync_modules: number | null
  readonly events: number | null
  /** Of the events, those that the broker has not acknowledged. */
  readonly waiting: number | null
  readonly clips: number | null
  readonly attempts: number | null
}

/** What was measured on one account: without ids, names and times of day. */
export type Probe = {
  readonly schema: 1
  readonly program: string
  readonly month: string
  readonly module: {
    readonly type: string | null
    readonly firmware: string | null
  } | null
  readonly refresh: {
    readonly count: number
    readonly changed: number
  }
  readonly manifest: {
    readonly request_ms: number | null
    readonly not_ready_at_s: number | null
    readonly ready_at_s: number | null
  }
  readonly request_id: {
    readonly good_at_s: number | null
    readonly gone_at_s: number | null
  }
  readonly answers: ReadonlyArray<{
    readonly after_s: number
    readonly outcome: "not_ready" | "ready" | "gone" | "refused" | "no_answer"
    readonly status: number | null
    readonly body_code: number | null
  }>
  readonly gets: number
  readonly end: {
    readonly reason: "complete" | "no_module" | "busy" | "throttled" | "login_required" | "failed" | "interrupted"
    readonly during: "discovery" | "manifest_request" | "manifest"
    readonly status: number | null
    readonly body_code: number | null
  }
}

/** The JSON Schema (2020-12) of each document. */
export declare const schemas: {
  readonly "bridge-info": object
  readonly "bridge-event": object
  readonly "account-state": object
  readonly "module-info": object
  readonly "module-state": object
  readonly "work-item": object
  readonly "manifest-pending": object
  readonly "module-event": object
  readonly "manifest-ready": object
  readonly "module-clips": object
  readonly "clip-new": object
  readonly "command-manifest-request": object
  readonly "command-clips-sync": object
  readonly "command-rescan": object
  readonly "command-pause": object
  readonly "command-resume": object
  readonly "command-options": object
  readonly "command-health": object
  readonly "response-manifest-request": object
  readonly "response-clips-sync": object
  readonly "response-rescan": object
  readonly "response-pause": object
  readonly "response-resume": object
  readonly "response-options": object
  readonly "response-health": object
  readonly "response-rejected": object
  readonly "once-line": object
  readonly "discover": object
  readonly "account-line": object
  readonly "clips-list-line": object
  readonly "clips-download-line": object
  readonly "login-line": object
  readonly "store-move": object
  readonly "probe": object
}
