/**
 * Carries a misbehaviour out on the wire.
 *
 * Half of them are ordinary answers and are made as values; the other half need the socket itself. Those that
 * take long stop when the simulator is closed or the client goes away.
 */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Answer, json, type Request } from './answer.ts'
import { doneByDefault, type Fault } from './fault.ts'
import { refuse, refuseAtEdge } from './refusals.ts'
import type { SimulatorTime } from './time.ts'

export interface Exchange {
  readonly request: Request
  readonly response: ServerResponse
  /** Does what was asked and says what to answer. */
  readonly answer: () => Answer
  readonly time: SimulatorTime
  /** Aborts when the simulator is closed or the client has gone. */
  readonly signal: AbortSignal
}

const MEGABYTE = 1024 * 1024

/** @returns the status that was sent, 0 when there was none */
export async function misbehave(fault: Fault, exchange: Exchange): Promise<number> {
  const { response } = exchange
  const done = fault.done ?? doneByDefault[fault.kind]
  const answer = done ? exchange.answer() : undefined
  const replacement = replace(fault, exchange.request)
  if (replacement) return send(response, replacement)
  switch (fault.kind) {
    case 'slow':
      await exchange.time.wait(fault.delayMs, exchange.signal)
      return send(response, answer ?? json(200, {}))
    case 'drip':
      return await drip(exchange, answer ?? json(200, {}), fault.everyMs ?? 100)
    case 'truncated':
      return truncate(response, answer ?? json(200, {}), halfOf(answer))
    case 'huge':
      return await stream(exchange, paddedJson(fault.megabytes ?? 64), false)
    case 'gzip_bomb':
      return await stream(exchange, paddedJson(fault.megabytes ?? 512), true)
    case 'garbage_http':
      response.socket?.end('SSH-2.0-OpenSSH_9.9\r\nthis is not the protocol you are looking for\r\n\r\n')
      return 0
    case 'hang':
      return 0
    default:
      response.socket?.resetAndDestroy()
      return 0
  }
}

export function send(response: ServerResponse, answer: Answer): number {
  // 204 and 304 have no body by definition; a length would have the client wait for one.
  const bare = answer.status === 204 || answer.status === 304
  const length = bare || answer.unsized ? {} : { 'Content-Length': Buffer.byteLength(answer.body) }
  response.writeHead(answer.status, { ...length, ...answer.headers }).end(bare ? undefined : answer.body)
  return answer.status
}

/** The answer that a misbehaviour gives in place of the cloud's; undefined when it needs the socket. */
function replace(fault: Fault, request: Request): Answer | undefined {
  switch (fault.kind) {
    case 'status':
      return raw(fault.status, fault.text ?? JSON.stringify(fault.body ?? {}), fault.headers)
    case 'wrong_type':
      return raw(200, fault.text ?? JSON.stringify(fault.body ?? []))
    case 'edge':
      return refuseAtEdge(fault.status ?? 406)
    case 'busy':
      return refuse('busy')
    case 'html':
      return raw(fault.status ?? 200, page, { 'Content-Type': 'text/html; charset=utf-8' })
    case 'redirect':
      return raw(fault.status ?? 302, '', { Location: fault.location })
    case 'redirect_loop':
      return raw(302, '', { Location: request.target })
    default:
      return undefined
  }
}

const page =
  '<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking</body></html>\n'

function raw(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body }
}

function halfOf(answer: Answer | undefined): number {
  return Math.floor(Buffer.byteLength(answer?.body ?? '{}') / 2)
}

function truncate(response: ServerResponse, answer: Answer, bytes: number): number {
  const body = Buffer.from(answer.body)
  response.writeHead(answer.status, { ...answer.headers, 'Content-Length': body.length })
  response.write(body.subarray(0, bytes), () => response.socket?.end())
  return answer.status
}

const PIECES = 20

/** Sends an answer as it says it is to come: at once, in pieces, or broken off. */
export async function deliver(
  { response, time, signal }: Omit<Exchange, 'request' | 'answer'>,
  answer: Answer,
): Promise<number> {
  if (answer.brokenAfter !== undefined) return truncate(response, answer, answer.brokenAfter)
  if (answer.overMs === undefined) return send(response, answer)
  const body = Buffer.from(answer.body)
  const length = Math.ceil(body.length / PIECES)
  response.writeHead(answer.status, { ...answer.headers, 'Content-Length': body.length })
  for (let at = 0; at < body.length && !signal.aborted; at += length) {
    response.write(body.subarray(at, at + length))
    await time.wait(answer.overMs / PIECES, signal)
  }
  response.end()
  return answer.status
}

async function drip({ response, time, signal }: Exchange, answer: Answer, everyMs: number): Promise<number> {
  const body = Buffer.from(answer.body)
  response.writeHead(answer.status, { ...answer.headers, 'Content-Length': body.length })
  for (let at = 0; at < body.length && !signal.aborted; at += 1) {
    response.write(body.subarray(at, at + 1))
    await time.wait(everyMs, signal)
  }
  response.end()
  return answer.status
}

async function stream(
  { response, signal }: Exchange,
  chunks: Iterable<Buffer>,
  packed: boolean,
): Promise<number> {
  const encoding = packed ? { 'Content-Encoding': 'gzip' } : {}
  response.writeHead(200, { 'Content-Type': 'application/json', ...encoding })
  const source = Readable.from(chunks)
  const sent = packed
    ? pipeline(source, createGzip(), response, { signal })
    : pipeline(source, response, { signal })
  // A client that hangs up in the middle has done the right thing.
  await sent.catch(() => undefined)
  return 200
}

/** Correct JSON with one very long text in it. */
function* paddedJson(megabytes: number): Generator<Buffer> {
  const padding = Buffer.alloc(MEGABYTE, 'x')
  yield Buffer.from('{"id":670000000,"padding":"')
  for (let sent = 0; sent < megabytes; sent += 1) yield padding
  yield Buffer.from('"}')
}
