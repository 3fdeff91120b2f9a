/**
 * A sign-in that is under way: what a restart of the command needs to go on, and the file for its owner only in which
 * it is kept.
 *
 * Never the password and never the e-mail address, of which only a hash tells whether it is the same person.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Credentials } from '../domain/model.ts'
import { Secret } from '../domain/secret.ts'
import { parseJson, readWhole, removeFile, writeWhole } from './state-files.ts'

/** The password was right. The fields are those of the sign-in's next step. */
export interface AwaitsCode {
  readonly step: 'code'
  readonly emailHash: string
  readonly hardwareId: string
  readonly cookies: ReadonlyMap<string, Secret>
  readonly csrf: Secret
  readonly verifier: Secret
  /** `undefined` when no code is wanted, or the right one has been given. */
  readonly challenge:
    | {
        readonly phone: string | undefined
        readonly method: string | undefined
        readonly resendAfterMs: number
      }
    | undefined
  readonly sentAt: number
}

/** Signed in, with a refresh token that is nowhere else yet. */
export interface AwaitsKeeping {
  readonly step: 'keep'
  readonly credentials: Credentials
}

/** The cloud has locked the account for a while; a request before that makes it longer. */
export interface Locked {
  readonly step: 'locked'
  readonly emailHash: string
  readonly until: number
}

export type PendingSignIn = AwaitsCode | AwaitsKeeping | Locked

export interface PendingSignIns {
  /** `undefined` when there is none, or none that can be read: then the person signs in anew. */
  read(): Promise<PendingSignIn | undefined>
  save(pending: PendingSignIn): Promise<void>
  remove(): Promise<void>
}

const secret = z.string().transform((text) => new Secret(text))

const file = z.discriminatedUnion('step', [
  z.object({
    step: z.literal('code'),
    emailHash: z.string(),
    hardwareId: z.string(),
    cookies: z.record(z.string(), secret).transform((record) => new Map(Object.entries(record))),
    csrf: secret,
    verifier: secret,
    challenge: z
      .object({
        phone: z.string().optional(),
        method: z.string().optional(),
        resendAfterMs: z.number(),
      })
      .transform(({ phone, method, resendAfterMs }) => ({ phone, method, resendAfterMs }))
      .optional()
      .transform((challenge) => challenge),
    sentAt: z.number(),
  }),
  z.object({
    step: z.literal('keep'),
    login: z.object({
      key: z.string(),
      source: z.enum(['environment', 'import', 'login']),
      fingerprint: z.string().optional(),
      clientId: z.string(),
      refreshToken: secret,
      accountId: z.string().optional(),
      region: z.string().optional(),
      hardwareId: z.string().optional(),
    }),
  }),
  z.object({ step: z.literal('locked'), emailHash: z.string(), until: z.number() }),
])

/** The sign-in under way below a data directory. */
export function openPending(dataDir: string): PendingSignIns {
  const path = join(dataDir, 'pending-login.json')
  return {
    read: async () => pendingIn((await readWhole(path)) ?? ''),
    save: (pending) => writeWhole(path, `${pendingText(pending)}\n`),
    remove: () => removeFile(path),
  }
}

/** With all secrets in it: only for where they are kept. */
export function pendingText(pending: PendingSignIn): string {
  return JSON.stringify(fileOf(pending), revealed, 2)
}

/** The sign-in of a text, or `undefined` when it is none. */
export function pendingIn(text: string): PendingSignIn | undefined {
  const read = file.safeParse(parseJson(text))
  return read.success ? pendingOf(read.data) : undefined
}

function pendingOf(read: z.output<typeof file>): PendingSignIn {
  if (read.step === 'locked') return read
  if (read.step === 'code') return { ...read, challenge: read.challenge }
  const { fingerprint, accountId, region, hardwareId, ...rest } = read.login
  return {
    step: 'keep',
    credentials: { ...rest, fingerprint, accountId, region, hardwareId, refusedAt: undefined },
  }
}

/** As the file has it, where a part keeps the name that it had in earlier versions. */
function fileOf(pending: PendingSignIn): object {
  return pending.step === 'keep' ? { step: pending.step, login: pending.credentials } : pending
}

/** A secret would print itself as `[secret]`; here it is to be kept. */
function revealed(this: unknown, key: string, shown: unknown): unknown {
  const value: unknown = isRecord(this) ? this[key] : shown
  if (value instanceof Secret) return value.reveal()
  return value instanceof Map ? Object.fromEntries(value) : shown
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
