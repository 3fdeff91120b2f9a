/** One schema for each command that is taken over MQTT, and for its response. */
import { z } from 'zod'
import { accountFields, count, digits, failure, id, logLevel, moduleIds, outcome, time } from './schemas.ts'

const transaction = z.union([z.string().max(256), z.number()])
const optionalTransaction = { transaction: transaction.optional() }
/** In a command an id may be digits as well; a number must be one that JavaScript holds. */
const idInCommand = z
  .union([id, digits.max(19)])
  .optional()
  .describe('A number, or its digits as text.')
const noTarget = z.strictObject(optionalTransaction)
const target = z
  .strictObject({
    ...optionalTransaction,
    account_id: idInCommand,
    network_id: idInCommand,
    sync_module_id: idInCommand,
  })
  .refine(
    (one) =>
      (one.network_id === undefined || one.account_id !== undefined) &&
      (one.sync_module_id === undefined || one.network_id !== undefined),
  )
  .meta({
    title: 'Target',
    description: 'The sync modules that are meant: all, those of an account, those of a network, or one.',
    dependentRequired: { network_id: ['account_id'], sync_module_id: ['network_id'] },
  })

/** The object of each verb. */
export const commands = {
  'manifest/request': target.meta({ title: 'Command manifest/request' }),
  'clips/sync': target.meta({ title: 'Command clips/sync' }),
  rescan: noTarget.meta({ title: 'Command rescan' }),
  pause: target.meta({ title: 'Command pause' }),
  resume: target.meta({ title: 'Command resume' }),
  options: z
    .strictObject({ ...optionalTransaction, log_level: logLevel.optional() })
    .meta({ title: 'Command options' }),
  health: noTarget.meta({ title: 'Command health' }),
} as const

const requestResult = z.strictObject({
  requested: count,
  reused: count.describe('Modules that were requested a moment before; their last request ID is listed.'),
  failed: count,
  skipped: count,
  retry_at: time.nullable(),
  modules: z
    .array(
      z.strictObject({
        ...moduleIds,
        outcome,
        reused: z.boolean(),
        request_id: id.nullable(),
        request_id_str: digits.nullable(),
        requested_at: time.nullable(),
        expires_at: time.nullable(),
      }),
    )
    .max(200),
})
export type RequestResult = z.infer<typeof requestResult>

const rescanResult = z.strictObject({
  accounts: count,
  modules: count,
  found: count,
  renamed: count,
  gone: count,
})

const pauseResult = z.strictObject({ modules: count, paused: z.boolean() })

const optionsResult = z.strictObject({ log_level: logLevel })

export const health = z.strictObject({
  version: z.string(),
  uptime_s: count,
  next_tick_at: time.nullable(),
  mqtt: z.strictObject({
    connected: z.boolean(),
    protocol: z.union([z.literal(4), z.literal(5)]).nullable(),
    since: time,
    reconnects: count,
  }),
  accounts: z.array(z.strictObject({ account_id: id.nullable(), ...accountFields })),
  store: z.strictObject({ state: z.enum(['ok', 'failing']), detail: z.string().nullable() }),
  modules: count.nullable(),
  waiting: count.nullable().describe('Request IDs that wait for the broker.'),
})
export type Health = z.infer<typeof health>

const nothing = z.strictObject({})
const commandFailure = failure.pick({ code: true, message: true, retryable: true, retry_at: true })
const failedWith = <Data extends z.ZodType>(data: Data) =>
  z.strictObject({
    transaction: transaction.nullable(),
    status: z.literal('error'),
    data,
    error: commandFailure,
  })
const response = <Data extends z.ZodType>(title: string, data: Data) =>
  z
    .discriminatedUnion('status', [
      z.strictObject({ transaction: transaction.nullable(), status: z.literal('ok'), data }),
      failedWith(z.union([data, nothing])),
    ])
    .meta({ title })

/** Wherever a response goes: its own topic, or the one that the command has named. */
export const anyResponse = response(
  'Response',
  z.union([requestResult, rescanResult, pauseResult, optionsResult, health]),
)
export type Response = z.infer<typeof anyResponse>
export type ResponseData = Extract<Response, { status: 'ok' }>['data']

/** The response to a message that is no command. */
export const rejected = failedWith(nothing).meta({ title: 'Response to an unknown verb' })

/** The response to each verb. */
export const responses = {
  'manifest/request': response('Response to manifest/request', requestResult),
  'clips/sync': response('Response to clips/sync', requestResult),
  rescan: response('Response to rescan', rescanResult),
  pause: response('Response to pause', pauseResult),
  resume: response('Response to resume', pauseResult),
  options: response('Response to options', optionsResult),
  health: response('Response to health', health),
} as const satisfies Record<keyof typeof commands, z.ZodType>
