/**
 * Home Assistant's Supervisor, as far as an app meets it: its HTTP API for services, and the file of options.
 *
 * It takes only the token that it has given out, as the real one does, and notes every request.
 *
 * @see home-assistant/supervisor 2026.08, supervisor/api/services.py, supervisor/utils/json.py
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export const supervisorToken = 'a-token-of-the-supervisor-0123456789abcdef'

/** What the Mosquitto app tells the Supervisor. */
export interface Service {
  readonly host: string
  readonly port: number
  readonly ssl?: boolean
  readonly username?: string
  readonly password?: string
}

export type Reply = (response: ServerResponse) => void

export interface Supervisor {
  /** What an app finds in its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly url: string
  /** Method and path of each request so far. */
  readonly requests: readonly string[]
  /** Says this from now on to whoever asks for the MQTT service. */
  answer(reply: Reply): void
}

export const json =
  (status: number, body: unknown): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

export const brokerIs = (service: Service): Reply =>
  json(200, {
    result: 'ok',
    data: { ssl: false, protocol: '3.1.1', app: 'core_mosquitto', addon: 'core_mosquitto', ...service },
  })

export const noBroker = json(400, { result: 'error', message: 'Service not enabled' })

/** Starts one that knows this broker, or none. */
export async function startSupervisor(first: Reply = noBroker): Promise<Supervisor> {
  let reply = first
  const requests: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (request.headers.authorization !== `Bearer ${supervisorToken}`) {
      return json(401, { result: 'error', message: 'Unauthorized' })(response)
    }
    if (request.method !== 'GET' || request.url !== '/services/mqtt') {
      return json(404, { result: 'error', message: 'Not found' })(response)
    }
    reply(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    env: { SUPERVISOR_TOKEN: supervisorToken, SUPERVISOR_API: url },
    url,
    requests,
    answer(next) {
      reply = next
    },
  }
}

/** Writes the options of an app as the Supervisor does: a new file, for its owner only. Returns the path. */
export function writeOptions(directory: string, options: unknown): string {
  const path = join(directory, 'options.json')
  mkdirSync(directory, { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(options, undefined, 2), { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return path
}
