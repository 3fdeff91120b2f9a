/**
 * An HTTP client for tests, and the ways to watch it fail.
 */
import { expect } from 'vitest'
import type { HttpCall } from '../../src/blink/api.ts'
import { createHttp, type Http, type HttpOptions } from '../../src/blink/http.ts'
import { systemClock } from '../../src/domain/clock.ts'
import type { CloudError } from '../../src/domain/errors.ts'
import { settle } from './fake-clock.ts'
import { calm } from './peer.ts'

/** A client that closes itself at the end of the test. */
export function open(options: Partial<HttpOptions> = {}): Http & AsyncDisposable {
  const http = createHttp({ clock: systemClock, timeoutMs: 20_000, concurrency: 4, ...options })
  return { ...http, [Symbol.asyncDispose]: () => http.close({ graceMs: 1_000 }) }
}

/** The error a call ends in. */
export async function failing(http: Http, call: HttpCall, signal = calm()): Promise<CloudError> {
  const error = await http.request(call, signal).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Error)
  return error as CloudError
}

/** How a good answer begins, on the wire. */
export const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

/** Waits for something that the other side does, in turns of the event loop. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await settle()
}
