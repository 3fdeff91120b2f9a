/**
 * The socket side: reads a request, keeps the record of it, and has it answered well or badly.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Answer, Request } from './answer.ts'
import type { Fault, Meant } from './fault.ts'
import { deliver, misbehave, send } from './misbehaviour.ts'
import type { Found } from './router.ts'
import type { SimulatorTime } from './time.ts'

/** One request that was received. */
export interface Call {
  /** When it came, in milliseconds since 1970. */
  readonly at: number
  /** When its answer was on the way; equal to `at` until then. */
  readonly endedAt: number
  readonly method: string
  /** With region and query. */
  readonly path: string
  /** What it was for: `token`, `homescreen`, `manifest-request`, `forbidden`, `unknown` ... */
  readonly kind: string
  /** What was answered; 0 while or when there was no answer. */
  readonly status: number
  readonly accountId?: number
  /** The misbehaviour it met. */
  readonly fault?: string
  readonly userAgent?: string
  /** As the client named it: of several clients, each can use another loopback address. */
  readonly host?: string
  /** The id of the command that it began, whether or not the answer arrived. */
  readonly commandId?: number
}

type OpenCall = { -readonly [Key in keyof Call]: Call[Key] }

export interface Desk {
  readonly time: SimulatorTime
  /** Answers for people at `/simulator`; undefined for everything else. */
  readonly control: (request: Request) => Answer | undefined
  readonly find: (request: Request) => Found
  readonly pickFault: (meant: Meant) => Fault | undefined
}

const KEPT_CALLS = 100_000
// Longer bodies are cut off here: no request of the protocol comes near it.
const LONGEST_BODY = 1024 * 1024

export class CloudServer {
  readonly calls: Call[] = []
  readonly #desk: Desk
  readonly #server: Server
  readonly #closing = new AbortController()

  constructor(desk: Desk) {
    this.#desk = desk
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch(() => response.destroy())
    })
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address ? address.port : port)
      })
    })
  }

  /** Ends every connection, whatever is still going over it. */
  close(): Promise<void> {
    this.#closing.abort()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming)
    const control = this.#desk.control(request)
    if (control) {
      send(response, control)
      return
    }
    const found = this.#desk.find(request)
    const call = this.#record(request, found)
    const fault = this.#desk.pickFault({ ...request, kind: found.kind, accountId: found.accountId })
    const { time } = this.#desk
    const answerFor = () => {
      const answer = found.answer()
      if (answer.commandId !== undefined) call.commandId = answer.commandId
      return answer
    }
    if (!fault) {
      const answer = answerFor()
      // Nobody is to be waited for by an answer that goes out at once, and most do.
      const signal = answer.overMs === undefined ? this.#closing.signal : this.#endOf(response)
      call.status = await deliver({ response, time, signal }, answer)
    } else {
      call.fault = fault.kind
      const signal = this.#endOf(response)
      call.status = await misbehave(fault, { request, response, answer: answerFor, time, signal })
    }
    call.endedAt = this.#desk.time.now()
  }

  /** Aborts when the simulator is closed or the client has gone. */
  #endOf(response: ServerResponse): AbortSignal {
    return AbortSignal.any([this.#closing.signal, goneSignal(response)])
  }

  #record(request: Request, found: Found): OpenCall {
    const at = this.#desk.time.now()
    const { 'user-agent': userAgent, host } = request.headers
    const call: OpenCall = {
      at,
      endedAt: at,
      method: request.method,
      path: request.target,
      kind: found.kind,
      status: 0,
      ...(found.accountId !== undefined && { accountId: found.accountId }),
      ...(userAgent !== undefined && { userAgent }),
      ...(host !== undefined && { host }),
    }
    this.calls.push(call)
    // In larger pieces, so that a long run does not move the whole list at every request.
    if (this.calls.length >= KEPT_CALLS * 1.1) this.calls.splice(0, this.calls.length - KEPT_CALLS)
    return call
  }
}

async function read(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue
    length += chunk.length
    if (length <= LONGEST_BODY) chunks.push(chunk)
  }
  const target = incoming.url ?? '/'
  const [path = '/', query = ''] = target.split('?', 2)
  return {
    method: incoming.method ?? 'GET',
    target,
    path: path.replace(/(?<=.)\/$/, ''),
    query: new URLSearchParams(query),
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  }
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}
