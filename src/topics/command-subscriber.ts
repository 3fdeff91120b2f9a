/**
 * Takes commands and publishes their responses.
 *
 * A retained command would run again at every reconnect, so it is ignored, and logged once. MQTT 5 marks it even when
 * it is sent live; under MQTT 3.1.1 a live retained command looks like any other and runs once.
 *
 * Anybody who may send commands may send a million of them. A command is taken when there is room for its response;
 * until then the broker gets no acknowledgement and holds the others back. What nothing holds back, because it comes
 * with QoS 0 or from a broker without flow control, is dropped and counted. A message that is larger than any command
 * is not kept.
 */

import type { Command, CommandError, CommandResult } from '../domain/commands.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Runtime } from '../domain/ports.ts'
import { commandLines, type Rate, ThrottledLog } from '../domain/throttled-log.ts'
import type { Broker, Incoming, OutgoingMessage } from '../mqtt/client.ts'
import {
  type CommandMessage,
  commandFilters,
  isCommand,
  mayRespondOn,
  mostCommandBytes,
  readCommand,
  responseTo,
} from './commands.ts'
import { schema, type Topics } from './topics.ts'

export interface SubscriberNeeds extends Runtime {
  readonly topics: Topics
  readonly broker: Pick<Broker, 'subscribe' | 'publish'>
  /** Carries out a command; rejects only for bugs. */
  readonly handle: (command: Command) => Promise<CommandResult>
}

const responseExpirySeconds = 60
/** Commands in work. */
const mostOpen = 64
/** Responses that the broker has not acknowledged; with more, no command is taken. */
const mostResponses = 64
const mostResponseBytes = 1024 * 1024
/** Commands that wait for room. A broker with flow control never sends so many. */
const mostWaiting = 64
/** Of a topic in the log: anybody may make one of 64 kB. */
const longestTopic = 200
/** How many unusable topics are logged by name. */
const oddTopics: Rate = { burst: 5, everyMs: 60 * 60_000 }

/** What is kept of a message. */
interface Kept extends Pick<Incoming, 'topic' | 'properties'> {
  /** Absent when it was too large. */
  readonly payload?: Uint8Array
}

interface Waiting {
  readonly message: Kept
  readonly taken: () => void
}

/** Takes commands until `signal` is aborted. */
export function subscribeCommands(needs: SubscriberNeeds, signal: AbortSignal): void {
  const { topics, broker, clock, log, fail } = needs
  const throttled = new ThrottledLog(clock, log)
  const waiting: Waiting[] = []
  const responses = { count: 0, bytes: 0 }
  let open = 0

  function odd(fields: { readonly topic: string; readonly [field: string]: unknown }, message: string): void {
    throttled.log('warn', { ...fields, topic: short(fields.topic) }, message, { rate: oddTopics })
  }

  function record(fields: object, message: string): void {
    throttled.log('info', fields, message, { kind: 'commands', rate: commandLines })
  }

  function hasRoom(): boolean {
    return responses.count < mostResponses && responses.bytes < mostResponseBytes
  }

  /** Returns a promise of when the command is taken, where that is not at once. */
  function arrived(message: Incoming): Promise<void> | undefined {
    if (signal.aborted) return undefined
    const { topic, retain, payload, acknowledged = false } = message
    if (retain) {
      // An empty one clears what was kept there, as the remedy asks.
      const remedy = 'Commands must not be retained; clear it by publishing an empty retained message there.'
      if (payload.length > 0) odd({ topic, remedy }, 'retained command ignored')
      return undefined
    }
    const kept = keep(message)
    if (kept === undefined) return drop('larger than any command')
    if (hasRoom()) take(kept)
    else if (!acknowledged || waiting.length >= mostWaiting)
      return drop('more than the broker takes responses for')
    else return new Promise((taken) => waiting.push({ message: kept, taken }))
    return undefined
  }

  function drop(reason: string): undefined {
    throttled.log('warn', { reason }, 'command dropped', { kind: `dropped ${reason}` })
  }

  /** An immediate response takes its room in the same moment, because many commands come at once. */
  function take({ topic, payload, properties }: Kept): void {
    const received = readCommand(topics, topic, payload)
    const { command } = received
    const reply = (result: CommandResult) => respond(received, result, properties)
    const responded =
      isCommand(command) && open < mostOpen ? handle(command).then(reply) : reply({ error: whyNot(command) })
    responded.catch(fail)
  }

  function whyNot(command: CommandMessage['command']): CommandError {
    if (!isCommand(command)) return command
    const message = `${open} commands are in work already`
    return { code: 'busy', message, retryable: true }
  }

  async function handle(command: Command): Promise<CommandResult> {
    open++
    try {
      return await needs.handle(command)
    } finally {
      open--
    }
  }

  function takeWaiting(): void {
    while (hasRoom()) {
      const next = waiting.shift()
      if (!next) return
      take(next.message)
      next.taken()
    }
  }

  async function respond(
    received: CommandMessage,
    result: CommandResult,
    properties: Kept['properties'],
  ): Promise<void> {
    const { command } = received
    const verb = short(received.verb)
    if (result.error) {
      record({ verb, code: result.error.code, detail: result.error.message }, 'command refused')
    } else record({ verb, ...(isCommand(command) && 'target' in command && command.target) }, 'command done')
    await Promise.all(responsesTo(received, result, properties).map(send))
  }

  function responsesTo(
    command: CommandMessage,
    result: CommandResult,
    properties: Kept['properties'],
  ): OutgoingMessage[] {
    const response = {
      topic: `${topics.base}/bridge/response/${command.verb}`,
      payload: responseTo(command, result),
      retain: false,
      answer: true,
      json: true,
      expirySeconds: responseExpirySeconds,
      userProperties: { schema: String(schema) },
    }
    const { responseTopic, correlationData } = properties
    if (responseTopic === undefined) return [response]
    const correlated = { ...response, ...(correlationData && { correlationData }) }
    if (responseTopic === response.topic) return [correlated]
    if (!mayRespondOn(topics, responseTopic)) {
      odd({ topic: responseTopic }, 'response topic that is not for responses ignored')
      return [response]
    }
    return [response, { ...correlated, topic: responseTopic }]
  }

  async function send(message: OutgoingMessage): Promise<void> {
    const bytes = message.payload.length
    responses.count++
    responses.bytes += bytes
    try {
      await broker.publish(message, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) throw error
      odd({ topic: message.topic, reason_code: error.reasonCode }, 'broker refused a response')
    } finally {
      responses.count--
      responses.bytes -= bytes
      takeWaiting()
    }
  }

  for (const filter of commandFilters(topics)) broker.subscribe(filter, arrived, { retainAsPublished: true })
}

/** Of a message that is too large only the topic, and not even that when it is large itself. */
function keep({ topic, payload, properties }: Incoming): Kept | undefined {
  const { responseTopic = '', correlationData } = properties
  const around = Buffer.byteLength(topic) + Buffer.byteLength(responseTopic) + (correlationData?.length ?? 0)
  if (around + payload.length <= mostCommandBytes) return { topic, payload, properties }
  return Buffer.byteLength(topic) <= mostCommandBytes / 4 ? { topic, properties: {} } : undefined
}

function short(text: string): string {
  return text.length > longestTopic ? `${text.slice(0, longestTopic)}…` : text
}
