/**
 * What goes over the wire, as values: a request that was read completely, and an answer to be written.
 */
import type { IncomingHttpHeaders } from 'node:http'

export interface Request {
  readonly method: string
  /** As received, with the query. */
  readonly target: string
  /** Without query and without the slash that some clients put at the end. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** The connection ends after so many bytes of the body, whose whole length was announced. */
  readonly brokenAfter?: number
  /** How long the body is stays open until its end. */
  readonly unsized?: boolean
  /** The body comes in pieces over so many milliseconds. */
  readonly overMs?: number
  /** The command that it names, for the record of requests. */
  readonly commandId?: number
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

export function text(status: number, body: string): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body }
}

/** A refusal of the kind that names its reason by a number in the body. */
export function coded(status: number, code: number, message: string): Answer {
  return json(status, { message, code })
}

/** The wire's way to write a time: whole seconds and `+00:00`, never `Z`. */
export function wireTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}
