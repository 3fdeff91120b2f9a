/**
 * Where commands come in and answers go out.
 *
 * A retained command would run again at every reconnect, so it is ignored, and said once. MQTT 5 tells of it when it
 * is sent; under MQTT 3.1.1 a retained command that comes while we listen looks like any other and is obeyed once.
 */
import type { Clock } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import type { Broker, Incoming, OutgoingMessage } from '../mqtt/client.ts'
import {
  answerOf,
  type Command,
  commandFilters,
  isOrder,
  mayAnswerOn,
  type Order,
  type Result,
  readCommand,
} from './commands.ts'
import { schema, type Topics } from './topics.ts'

export interface DeskNeeds {
  readonly topics: Topics
  readonly broker: Pick<Broker, 'subscribe' | 'publish'>
  /** Does what is ordered; never rejects but for bugs. */
  readonly obey: (order: Order) => Promise<Result>
  readonly clock: Clock
  readonly log: Log
  readonly fail: (error: unknown) => void
}

const answerExpirySeconds = 60
/** Commands that are not answered yet: beyond that, somebody is not talking but shouting. */
const mostOpen = 64
/** Lines of the log that commands may fill in a minute; a person needs fewer. */
const mostLines = 60
const minuteMs = 60_000
/** Of a topic in the log: anybody may make one of 64 kB. */
const longestTopic = 200

/** Takes commands until `signal` is aborted. */
export function openDesk(needs: DeskNeeds, signal: AbortSignal): void {
  const { topics, broker, obey, clock, log, fail } = needs
  const said = new Set<string>()
  let open = 0
  let [minute, lines] = [0, 0]

  function ignore(topic: string): void {
    const remedy = 'Commands must not be retained; clear it by publishing an empty retained message there.'
    warnOnce({ topic, remedy }, 'retained command ignored')
  }

  function warnOnce(
    fields: { readonly topic: string; readonly [field: string]: unknown },
    message: string,
  ): void {
    const topic = short(fields.topic)
    const name = `${message} ${topic}`
    if (said.size >= mostOpen || said.has(name)) return
    said.add(name)
    log.warn({ ...fields, topic }, message)
  }

  function tell(fields: object, message: string): void {
    const now = Math.floor(clock.elapsed() / minuteMs)
    lines = now === minute ? lines + 1 : 1
    minute = now
    if (lines === mostLines + 1) log.warn({}, 'a flood of commands, the rest of this minute is told at debug')
    log[lines > mostLines ? 'debug' : 'info'](fields, message)
  }

  async function serve({ topic, payload, properties }: Incoming): Promise<void> {
    const command = readCommand(topics, topic, payload)
    const result = await resultOf(command)
    const { order } = command
    const verb = short(command.verb)
    if (result.refusal) {
      tell({ verb, code: result.refusal.code, detail: result.refusal.message }, 'command refused')
    } else tell({ verb, ...(isOrder(order) && 'target' in order && order.target) }, 'command done')
    await Promise.all(answers(command, result, properties).map(send))
  }

  async function resultOf({ order }: Command): Promise<Result> {
    if (!isOrder(order)) return { refusal: order }
    if (open >= mostOpen) {
      const message = `${open} commands are waiting for their turn already`
      return { refusal: { code: 'busy', message, retryable: true } }
    }
    open++
    try {
      return await obey(order)
    } finally {
      open--
    }
  }

  function answers(command: Command, result: Result, properties: Incoming['properties']): OutgoingMessage[] {
    const answer = {
      topic: `${topics.base}/bridge/response/${command.verb}`,
      payload: answerOf(command, result),
      retain: false,
      json: true,
      expirySeconds: answerExpirySeconds,
      userProperties: { schema: String(schema) },
    }
    const { responseTopic, correlationData } = properties
    if (responseTopic === undefined) return [answer]
    const correlated = { ...answer, ...(correlationData && { correlationData }) }
    if (responseTopic === answer.topic) return [correlated]
    if (!mayAnswerOn(topics, responseTopic)) {
      warnOnce({ topic: responseTopic }, 'response topic that is not for answers ignored')
      return [answer]
    }
    return [answer, { ...correlated, topic: responseTopic }]
  }

  async function send(message: OutgoingMessage): Promise<void> {
    try {
      await broker.publish(message, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) throw error
      warnOnce({ topic: message.topic, reason_code: error.reasonCode }, 'broker refused an answer')
    }
  }

  for (const filter of commandFilters(topics)) {
    broker.subscribe(
      filter,
      (message) => {
        if (signal.aborted) return
        if (!message.retain) serve(message).catch(fail)
        // An empty one clears what was kept there: that is what we have asked for.
        else if (message.payload.length > 0) ignore(message.topic)
      },
      { retainAsPublished: true },
    )
  }
}

function short(text: string): string {
  return text.length > longestTopic ? `${text.slice(0, longestTopic)}…` : text
}
