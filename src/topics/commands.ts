/**
 * Commands over MQTT: a topic and a payload in, a command or an error out; and the responses. Pure.
 *
 * Whoever may write to the broker may send anything here, so every error names what is known instead.
 */
import { iso } from '../domain/clock.ts'
import type {
  Command,
  CommandData,
  CommandError,
  CommandResult,
  ModuleResult,
  Target,
} from '../domain/commands.ts'
import type { BlinkId, Health } from '../domain/model.ts'
import { logLevels } from '../domain/ports.ts'
import { ids, json, number, timeOrNull } from '../domain/text.ts'
import type * as wire from './command-schemas.ts'
import type { Topics } from './topics.ts'

/** A message read as a command: its verb for the response's topic, and the command or why it is none. */
export interface CommandMessage {
  readonly verb: string
  readonly transaction: string | number | null
  readonly command: Command | CommandError
}

const targetKeys = ['account_id', 'network_id', 'sync_module_id'] as const
/** The keys of each verb's object, besides `transaction`. */
const verbs: Readonly<Record<Command['verb'], readonly string[]>> = {
  'manifest/request': targetKeys,
  'clips/sync': targetKeys,
  rescan: [],
  pause: targetKeys,
  resume: targetKeys,
  options: ['log_level'],
  health: [],
}
const longestTransaction = 256

/** The filters of all commands. */
export function commandFilters({ base }: Topics): readonly string[] {
  return [`${base}/bridge/request/#`, `${base}/sync/+/+/+/set/+`]
}

/** Whether this is a command and no error. */
export function isCommand(command: Command | CommandError): command is Command {
  return 'verb' in command
}

/** The command of a message that came on one of the filters; `payload` is absent when it was too large to be kept. */
export function readCommand(topics: Topics, topic: string, payload: Uint8Array | undefined): CommandMessage {
  if (payload === undefined) return tooLarge(verbOf(topics, topic))
  const text = textOf(payload)
  const stem = `${topics.base}/bridge/request/`
  return topic.startsWith(stem)
    ? readRequest(topic.slice(stem.length), text)
    : readSetting(topic.slice(topics.base.length + 1), text)
}

/** What a command may hold, in bytes, its topics included. Those that mean something have a hundred. */
export const mostCommandBytes = 4_096

/** The verb on whose topic the response goes. */
function verbOf({ base }: Topics, topic: string): string {
  const stem = `${base}/bridge/request/`
  return topic.startsWith(stem) ? topic.slice(stem.length) : topic.slice(topic.lastIndexOf('/') + 1)
}

function tooLarge(verb: string): CommandMessage {
  const message = `a command is at most ${mostCommandBytes} bytes, with its topics and correlation data`
  return { verb, transaction: null, command: { code: 'too_large', message } }
}

/** The response as docs/mqtt-api.md shows it, "Commands". */
export function responseTo(
  { transaction }: Pick<CommandMessage, 'transaction'>,
  { data, error }: CommandResult,
): string {
  if (!error) return json({ transaction, status: 'ok', data: responseData(data) } satisfies wire.Response)
  const { code, message, retryable = false, retryAt } = error
  const shown = { code, message, retryable, retry_at: timeOrNull(retryAt) }
  const shownData = data ? responseData(data) : {}
  return json({ transaction, status: 'error', data: shownData, error: shown } satisfies wire.Response)
}

/**
 * Whether a response may go there besides its own topic: only below the base topic, or a command could make us publish
 * anywhere. Never where commands come in, or a response could be taken for one; nor where state and work items are
 * published, for who may send commands need not have the right to write there.
 */
export function mayRespondOn({ base }: Topics, topic: string): boolean {
  if (!topic.startsWith(`${base}/`) || /[+#\0]/.test(topic)) return false
  const rest = topic.slice(base.length + 1)
  return rest.startsWith('bridge/response/') || !/^(bridge|account|camera|sync)(\/|$)/.test(rest)
}

function readRequest(verb: string, text: string | undefined): CommandMessage {
  const object = text === undefined ? undefined : objectOf(text)
  const transaction = transactionOf(object?.transaction)
  const refused = (code: string, message: string): CommandMessage => ({
    verb,
    transaction,
    command: { code, message },
  })
  if (!isVerb(verb))
    return refused('unknown_verb', `no such verb; known are ${Object.keys(verbs).join(', ')}`)
  const keys = verbs[verb]
  const known = [...keys, 'transaction'].join(', ')
  if (!object) return refused('malformed', `the payload must be a JSON object with any of: ${known}`)
  const stranger = Object.keys(object).find((key) => key !== 'transaction' && !keys.includes(key))
  if (stranger !== undefined) {
    return refused('unknown_key', `no such key: ${stranger.slice(0, 64)}; ${verb} knows ${known}`)
  }
  if (object.transaction !== undefined && transaction === null) {
    return refused('malformed', `transaction must be a number or a text of at most ${longestTransaction}`)
  }
  return { verb, transaction, command: commandOf(verb, object) }
}

function commandOf(verb: Command['verb'], object: Readonly<Record<string, unknown>>): Command | CommandError {
  switch (verb) {
    case 'rescan':
    case 'health':
      return { verb }
    case 'options':
      return optionsOf(object.log_level)
    default: {
      const target = targetOf(object)
      return 'code' in target ? target : { verb, target }
    }
  }
}

function optionsOf(level: unknown): Command | CommandError {
  const logLevel = logLevels.find((known) => known === level)
  if (level === undefined || logLevel) return { verb: 'options', logLevel }
  return { code: 'malformed', message: `log_level must be one of ${logLevels.join(', ')}` }
}

function targetOf(object: Readonly<Record<string, unknown>>): Target | CommandError {
  const ids = targetKeys.map((key) => object[key])
  for (const [index, id] of ids.entries()) {
    if (id !== undefined && idOf(id) === undefined) {
      return { code: 'malformed', message: `${targetKeys[index]} must be a number or a text of digits` }
    }
    if (id !== undefined && index > 0 && ids[index - 1] === undefined) {
      return { code: 'malformed', message: `${targetKeys[index]} needs ${targetKeys[index - 1]} with it` }
    }
  }
  const [accountId, networkId, syncModuleId] = ids.map(idOf)
  return {
    ...(accountId !== undefined && { accountId }),
    ...(networkId !== undefined && { networkId }),
    ...(syncModuleId !== undefined && { syncModuleId }),
  }
}

/** `sync/<account>/<network>/<module>/set/<name>`: what Home Assistant's plain values stand for. */
function readSetting(path: string, text: string | undefined): CommandMessage {
  const [, accountId = '', networkId = '', syncModuleId = '', , name = ''] = path.split('/')
  const refused = (verb: string, message: string): CommandMessage => ({
    verb,
    transaction: null,
    command: { code: 'malformed', message },
  })
  const target = { accountId, networkId, syncModuleId }
  if (Object.values(target).some((id) => idOf(id) === undefined))
    return refused(name, 'the topic holds no ids')
  if (name === 'request_now') {
    return { verb: 'manifest/request', transaction: null, command: { verb: 'manifest/request', target } }
  }
  if (name !== 'polling') return refused(name, 'no such setting; known are request_now, polling')
  if (text !== 'ON' && text !== 'OFF') return refused('pause', 'polling must be ON or OFF')
  const verb = text === 'ON' ? 'resume' : 'pause'
  return { verb, transaction: null, command: { verb, target } }
}

function isVerb(verb: string): verb is Command['verb'] {
  return Object.hasOwn(verbs, verb)
}

function idOf(value: unknown): BlinkId | undefined {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  return typeof text === 'string' && /^[1-9]\d{0,18}$/.test(text) ? text : undefined
}

function transactionOf(value: unknown): string | number | null {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.length <= longestTransaction ? value : null
}

function textOf(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload)
  } catch {
    return undefined
  }
}

/** An empty text counts as an empty object. */
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text, keepDigits)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Ids are 64 bit wide: an integer that a JavaScript number cannot hold stays the text it was. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return /^\d+$/.test(context?.source ?? '') ? context?.source : value
}

/** Responses are for people and rules: a fleet's modules are counted, not all of them listed. */
const mostListed = 200

/** The data of a response. */
export function responseData(data: CommandData): wire.ResponseData {
  switch (data.verb) {
    case 'manifest/request': {
      const { verb: _verb, retryAt, modules, ...counts } = data
      const listed = modules.slice(0, mostListed).map(listedModule)
      return { ...counts, retry_at: timeOrNull(retryAt), modules: listed }
    }
    case 'rescan':
    case 'pause': {
      const { verb: _verb, ...counts } = data
      return counts
    }
    case 'options':
      return { log_level: data.logLevel }
    case 'health':
      return health(data.health)
  }
}

function listedModule({
  module,
  outcome,
  reused,
  accepted,
}: ModuleResult): wire.RequestResult['modules'][number] {
  return {
    ...ids(module),
    outcome,
    reused,
    request_id: accepted ? number(accepted.requestId) : null,
    request_id_str: accepted?.requestId ?? null,
    requested_at: timeOrNull(accepted?.requestedAt),
    expires_at: timeOrNull(accepted?.expiresAt),
  }
}

function health({ version, uptimeMs, nextRunAt, broker, accounts, ...rest }: Health): wire.Health {
  const { connected, protocol, since, reconnects } = broker
  const { store, modules, waiting } = rest
  return {
    version,
    uptime_s: Math.round(uptimeMs / 1000),
    next_tick_at: timeOrNull(nextRunAt),
    mqtt: { connected, protocol: protocol ?? null, since: iso(since), reconnects },
    accounts: accounts.map((account) => ({
      account_id: number(account.accountId),
      state: account.status,
      since: iso(account.since),
      detail: account.detail ?? null,
      retry_at: timeOrNull(account.retryAt),
    })),
    store: { state: store.state, detail: store.detail ?? null },
    modules: modules ?? null,
    waiting: waiting ?? null,
  }
}
