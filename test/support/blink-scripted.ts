/**
 * The cloud as a script: each call gets what the test says, and is written down.
 */
import type { HttpAnswer, HttpCall } from '../../src/blink/api.ts'
import type { Http } from '../../src/blink/http.ts'
import type { Credentials } from '../../src/domain/model.ts'
import type { Log } from '../../src/domain/ports.ts'
import { Secret } from '../../src/domain/secret.ts'

/** Status and body of an answer, an error to throw, or something that comes to one of them later. */
export type Reply = readonly [number, unknown] | Error | Promise<readonly [number, unknown] | Error>

export interface Scripted extends Http {
  readonly calls: readonly HttpCall[]
}

/** An HTTP client without a network; what `reply` returns is the answer. */
export function scripted(reply: (call: HttpCall, index: number) => Reply): Scripted {
  const calls: HttpCall[] = []
  return {
    calls,
    async request(call, signal): Promise<HttpAnswer> {
      signal.throwIfAborted()
      calls.push(call)
      const said = await reply(call, calls.length - 1)
      if (said instanceof Error) throw said
      const [status, body] = said
      return { status, retryAfter: undefined, text: typeof body === 'string' ? body : JSON.stringify(body) }
    },
    close: () => Promise.resolve(),
  }
}

/** A login as one from the environment is, with these differences. */
export function loginOf(differences: Partial<Credentials> = {}): Credentials {
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
