/**
 * The MQTT service of Home Assistant's Supervisor: address and password of the broker that a person has installed there.
 *
 * Asked only by a program that runs as an app, which the token in the environment shows, and only while nothing
 * stronger names a broker. The answer goes through the same checks as any other setting. Neither the token nor anything
 * of an answer that cannot be used gets into a message.
 *
 * @see home-assistant/supervisor 2026.08, supervisor/api/services.py, supervisor/services/modules/mqtt.py
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { z } from 'zod'
import { type Clock, deadline } from '../domain/clock.ts'
import { fromAppOptions } from './app-options.ts'
import { type Environment, fromEnvironment, type Given, placeOf, type Source } from './sources.ts'

/** What the Supervisor said; a sentence for a person where it was no broker. */
export type MqttService =
  | { readonly kind: 'broker'; readonly broker: Broker }
  | { readonly kind: 'none'; readonly message: string }

export type Broker = z.infer<typeof broker>

const broker = z.object({
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
  ssl: z.boolean().default(false),
  username: z.string().optional(),
  password: z.string().optional(),
})
const answer = z.object({ result: z.literal('ok'), data: broker })

export interface AskNeeds {
  readonly env: Environment
  readonly cwd: string
  readonly overrides: ReadonlyMap<string, string>
  readonly clock: Clock
  readonly signal: AbortSignal
}

const tokenVariable = 'SUPERVISOR_TOKEN'
/** As Home Assistant's own shell library has it. */
const addressVariable = 'SUPERVISOR_API'
const usualAddress = 'http://supervisor'

const origin = "Supervisor's MQTT service"
const [tries, pauseMs, timeoutMs, mostBytes] = [3, 2_000, 4_000, 65_536]
const remedy = 'install and start the app "Mosquitto broker", or set the option mqtt_url'

/** `undefined` when there is no need to ask: the program is no app, or something stronger names the broker. */
export async function askForMqttService(needs: AskNeeds): Promise<MqttService | undefined> {
  const { env, cwd, overrides, clock, signal } = needs
  const token = env[tokenVariable]
  if (token === undefined || token === '' || overrides.has('mqtt.url')) return undefined
  if ([fromEnvironment(env), fromAppOptions(env, cwd)].some(({ given }) => given.has('mqtt.url'))) {
    return undefined
  }
  const url = `${(env[addressVariable] || usualAddress).replace(/\/+$/, '')}/services/mqtt`
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:') {
    return { kind: 'none', message: `${addressVariable} must be a URL such as ${usualAddress}` }
  }
  // While Home Assistant starts or is updated, its Supervisor is away for a moment.
  for (let left = tries - 1; ; left--) {
    const limit = deadline(clock, timeoutMs, signal)
    const said = await get(url, token, limit.signal)
    limit.done()
    signal.throwIfAborted()
    if (said.isFinal || left === 0) return said.service
    await clock.sleep(pauseMs, signal)
  }
}

interface Said {
  readonly service: MqttService
  /** Whether another try would change nothing. */
  readonly isFinal: boolean
}

async function get(url: string, token: string, signal: AbortSignal): Promise<Said> {
  try {
    return understand(await send(url, token, signal))
  } catch {
    return none('the Supervisor does not answer; is this program started by it?', { isFinal: false })
  }
}

function understand({ status, text }: { readonly status: number; readonly text: string }): Said {
  if (status === 400) return none(`there is no MQTT broker: ${remedy}`, { isFinal: true })
  if (status === 401 || status === 403) {
    return none("the Supervisor does not let this app ask: config.yaml must have 'services: [mqtt:want]'", {
      isFinal: true,
    })
  }
  const parsed = status === 200 ? answer.safeParse(jsonOf(text)) : undefined
  if (parsed?.success) return { service: { kind: 'broker', broker: parsed.data.data }, isFinal: true }
  return none(`the answer of the Supervisor (HTTP ${status}) is none that it should give: ${remedy}`, {
    isFinal: false,
  })
}

function none(message: string, { isFinal }: Pick<Said, 'isFinal'>): Said {
  return { service: { kind: 'none', message }, isFinal }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Follows no redirect and uses no proxy: the token is for the Supervisor and nobody else. */
function send(url: string, token: string, signal: AbortSignal) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  const call = request(url, { agent: new Agent(), headers, signal }, (response) => {
    textOf(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
  })
  call.on('error', reject).end()
  return promise
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    // Leaving the loop closes the connection.
    if (length > mostBytes) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * The broker as settings. A name or password from elsewhere is not mixed with the service's.
 *
 * @param isGiven whether a stronger source has a setting
 * @param isNamedBelow whether a weaker source names a broker, which then is used when the Supervisor knows none
 */
export function fromMqttService(
  service: MqttService | undefined,
  isGiven: (name: string) => boolean,
  isNamedBelow: boolean,
): Source {
  const given = new Map<string, Given>()
  if (service?.kind === 'none') {
    const place = placeOf('mqtt.url', origin)
    if (isNamedBelow) return { given, problems: [], warnings: [`${place}: ${service.message}`] }
    return { given, problems: [{ place, message: service.message }], warnings: [] }
  }
  if (!service) return { given, problems: [], warnings: [] }
  const { host, port, ssl, username, password } = service.broker
  const address = host.includes(':') ? `[${host}]` : host
  given.set('mqtt.url', { raw: `${ssl ? 'mqtts' : 'mqtt'}://${address}:${port}`, origin })
  if (['mqtt.username', 'mqtt.password', 'mqtt.passwordFile'].some(isGiven)) {
    return { given, problems: [], warnings: [] }
  }
  if (username) given.set('mqtt.username', { raw: username, origin })
  if (password) given.set('mqtt.password', { raw: password, origin })
  return { given, problems: [], warnings: [] }
}
