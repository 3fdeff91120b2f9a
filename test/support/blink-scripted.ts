/**
 * The cloud as a script: each call gets what the test says, and is written down.
 */
import type { HttpAnswer, HttpCall } from '../../src/blink/api.ts'
import type { Http } from '../../src/blink/http.ts'
import { CloudUnreachable } from '../../src/domain/errors.ts'
import type { Credentials } from '../../src/domain/model.ts'
import type { Log } from '../../src/domain/ports.ts'
import { Secret } from '../../src/domain/secret.ts'

/** Status, body and perhaps `retry-after` of an answer, or an error to throw. */
export type Answered = readonly [status: number, body: unknown, retryAfter?: string] | Error

/** An answer, now or later. */
export type Reply = Answered | Promise<Answered>

export interface Scripted extends Http {
  readonly calls: readonly HttpCall[]
}

/** An HTTP client without a network; what `reply` returns is the answer. */
export function scripted(reply: (call: HttpCall, index: number) => Reply): Scripted {
  const calls: HttpCall[] = []
  return {
    calls,
    async request(call, signal, attendant): Promise<HttpAnswer> {
      signal.throwIfAborted()
      const ended = attendant?.admit()
      calls.push(call)
      const said = await reply(call, calls.length - 1)
      const { kind } = call
      if (said instanceof Error) {
        const sent = !(said instanceof CloudUnreachable && said.outcome === 'not-done')
        ended?.({ kind, errorCode: 'SCRIPTED', sent, ms: 0 }, undefined)
        throw said
      }
      const [status, body, retryAfter] = said
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const answer = { status, retryAfter, text }
      ended?.({ kind, status, sent: true, ms: 0 }, answer)
      return answer
    },
    close: () => Promise.resolve(),
  }
}

/** A login as one from the environment is, with these differences. */
export function someCredentials(differences: Partial<Credentials> = {}): Credentials {
  return {
    key: 'environment-1',
    source: 'environment',
    fingerprint: 'f1',
    clientId: 'ios',
    refreshToken: new Secret('refresh-0'),
    accountId: '8021',
    region: 'e008',
    hardwareId: undefined,
    refusedAt: undefined,
    ...differences,
  }
}

/** A log that keeps what it is told. */
export function listLog(): Log & { readonly lines: readonly string[] } {
  const lines: string[] = []
  const write = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  return { lines, debug: write, info: write, warn: write, error: write }
}
