/**
 * One schema for each document that the command line prints with `--json`. As in `schemas.ts`, the program imports
 * the types only.
 */
import { z } from 'zod'
import {
  accountStatus,
  count,
  digits,
  eventId,
  failure,
  id,
  moduleIds,
  outcome,
  skipReason,
  storageStatus,
  time,
  workItem,
} from './schemas.ts'

export const onceLine = z
  .strictObject({
    ...moduleIds,
    name: z.string(),
    network_name: z.string().nullable(),
    outcome,
    asked: z.boolean(),
    attempts: count,
    at: time,
    request_id: id.nullable(),
    request_id_str: digits.nullable(),
    event_id: eventId.nullable(),
    poll_url: workItem.shape.poll_url.nullable(),
    expires_at: time.nullable(),
    latency_ms: z.number().min(0).nullable(),
    reason: skipReason.nullable(),
    error: failure.nullable(),
  })
  .meta({ title: 'once --json', description: 'One line for each sync module.' })
export type OnceLine = z.infer<typeof onceLine>

export const discovered = z
  .strictObject({
    accounts: z.array(
      z.strictObject({
        account_id: id.nullable(),
        state: accountStatus,
        error: failure.nullable(),
        networks: z.array(
          z.strictObject({
            network_id: id,
            name: z.string().nullable(),
            sync_modules: z.array(
              z.strictObject({
                ...moduleIds,
                name: z.string(),
                model: z.string().nullable(),
                firmware: z.string().nullable(),
                status: z.enum(['online', 'offline', 'unknown']),
                onboarded: z.boolean(),
                storage_status: storageStatus.nullable(),
                asked: z.boolean(),
                reason: skipReason.nullable(),
              }),
            ),
          }),
        ),
      }),
    ),
  })
  .meta({ title: 'discover --json', description: 'One document.' })
export type Discovered = z.infer<typeof discovered>

export const accountLine = z
  .strictObject({
    account_id: id.nullable(),
    login: z.string(),
    state: accountStatus,
    region: z.string().nullable(),
    modules: count.nullable(),
    client_id: z.string(),
    source: z.enum(['environment', 'import', 'login']),
    refreshed_at: time.nullable(),
    refused_at: time.nullable(),
    retry_at: time.nullable(),
  })
  .meta({ title: 'accounts --json', description: 'One line for each account.' })
export type AccountLine = z.infer<typeof accountLine>

export const clipsListLine = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('sync_module'),
      ...moduleIds,
      name: z.string().nullable(),
      network_name: z.string().nullable(),
      on_stick: count.nullable(),
      waiting: count.nullable().describe('To be downloaded. Those never tried have no line of their own.'),
      on_disk: count,
      failed: count,
      size_bytes: count.describe('Of all files.'),
      newest_at: time.nullable(),
      oldest_at: time.nullable(),
      last_error: z.string().nullable(),
    }),
    z.strictObject({
      kind: z.literal('clip'),
      ...moduleIds,
      camera: z.string(),
      created_at: time,
      state: z.enum(['listed', 'ready', 'saved', 'removed', 'failed']),
      on_stick: z.boolean(),
      listed_size: count.nullable().describe('As the manifest has it: KiB in practice.'),
      size_bytes: count.nullable(),
      path: z.string().nullable().describe('Relative to the directory of clips.'),
      sha256: z.string().nullable(),
      downloaded_at: time.nullable(),
      reason: z.string().nullable(),
      retry_at: time.nullable(),
    }),
  ])
  .meta({
    title: 'clips list --json',
    description: 'One line for each sync module, and for each of its clips.',
  })
export type ClipsListLine = z.infer<typeof clipsListLine>

export const clipsDownloadLine = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('clip'),
      ...moduleIds,
      camera: z.string(),
      created_at: time,
      state: z.enum(['saved', 'failed']),
      size_bytes: count.nullable(),
      path: z.string().nullable().describe('Relative to the directory of clips.'),
      sha256: z.string().nullable(),
      event_id: eventId.nullable().describe('That of `clip_new`.'),
      reason: z.string().nullable(),
      retry_at: time.nullable(),
    }),
    z.strictObject({
      kind: z.literal('summary'),
      chosen: count.describe('Clips that were to be downloaded.'),
      saved: count,
      failed: count,
      left: count.describe('Neither: the run was ended before.'),
      size_bytes: count.describe('Of the clips that were saved.'),
      elapsed_ms: count,
      sync_modules_failed: count.describe('Whose clips could not be listed.'),
    }),
  ])
  .meta({
    title: 'clips download --json',
    description: 'One line for each clip as it is saved, those that failed at the end, and a summary.',
  })
export type ClipsDownloadLine = z.infer<typeof clipsDownloadLine>

const signInFailure = failure.omit({ retryable: true }).extend({ remedy: z.string().nullable() })
export type SignInFailure = z.infer<typeof signInFailure>

export const loginLine = z
  .discriminatedUnion('state', [
    z.strictObject({
      state: z.literal('signed_in'),
      account_id: id.nullable(),
      region: z.string().nullable(),
      client_id: z.string(),
      source: accountLine.shape.source,
      replaced: count,
      paused_until: time.nullable(),
      error: signInFailure.nullable(),
    }),
    z.strictObject({
      state: z.literal('code_wanted'),
      phone: z.string().nullable(),
      method: z.string().nullable(),
      sent_at: time,
      resend_at: time.nullable(),
      expires_at: time,
    }),
    z.strictObject({ state: z.literal('failed'), error: signInFailure }),
  ])
  .meta({
    title: 'login --json',
    description: 'One line for each account, and one for a code that is wanted.',
  })
export type LoginLine = z.infer<typeof loginLine>

const moved = count.nullable()

export const storeMoved = z
  .strictObject({
    from: z.string().describe('The data directory.'),
    to: z.string().describe('Host, port and database, without a password.'),
    store_schema: z.string(),
    install_id: z.string().regex(/^[0-9a-f]{8}$/),
    already_moved: z.boolean().describe('By an earlier move; the counts are null then.'),
    accounts: moved,
    unidentified: moved.describe('Credentials whose account is not known yet.'),
    login_required: moved.describe('Credentials that were refused or damaged: a person must sign in.'),
    sync_modules: moved,
    events: moved,
    waiting: moved.describe('Of the events, those that the broker has not acknowledged.'),
    clips: moved,
    attempts: moved,
  })
  .meta({ title: 'store move --json', description: 'One document.' })
export type StoreMoved = z.infer<typeof storeMoved>

const httpStatus = z.int().min(100).max(999).nullable()
const bodyCode = z.int().nullable()
const seconds = z.number().min(0)

export const probeReport = z
  .strictObject({
    schema: z.literal(1),
    program: z.string(),
    month: z.string().regex(/^\d{4}-\d\d$/),
    module: z.strictObject({ type: z.string().nullable(), firmware: z.string().nullable() }).nullable(),
    refresh: z.strictObject({ count, changed: count }),
    manifest: z.strictObject({
      request_ms: z.number().min(0).nullable(),
      not_ready_at_s: seconds.nullable(),
      ready_at_s: seconds.nullable(),
    }),
    request_id: z.strictObject({ good_at_s: seconds.nullable(), gone_at_s: seconds.nullable() }),
    answers: z.array(
      z.strictObject({
        after_s: seconds,
        outcome: z.enum(['not_ready', 'ready', 'gone', 'refused', 'no_answer']),
        status: httpStatus,
        body_code: bodyCode,
      }),
    ),
    gets: count,
    end: z.strictObject({
      reason: z.enum([
        ...(['complete', 'no_module', 'busy', 'throttled'] as const),
        ...(['login_required', 'failed', 'interrupted'] as const),
      ]),
      during: z.enum(['discovery', 'manifest_request', 'manifest']),
      status: httpStatus,
      body_code: bodyCode,
    }),
  })
  .meta({
    title: 'probe',
    description: 'What was measured on one account: without ids, names and times of day.',
  })
export type ProbeReport = z.infer<typeof probeReport>
