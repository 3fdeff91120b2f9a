/**
 * One request to the cloud: when it is sent, how long it may take, how much is read.
 *
 * Redirects are not followed, so that a token never reaches a host we did not choose, and answers are not
 * unpacked, so that their size on the wire is their size in memory. Nothing is ever sent twice. Whether a
 * request was written is known for certain: undici says so right before its first byte.
 */
import pLimit from 'p-limit'
import type { Dispatcher } from 'undici'
import { type Clock, DeadlineReached, deadline } from '../domain/clock.ts'
import { DaemonError } from '../domain/errors.ts'
import {
  type AnyCallKind,
  allCalls,
  type CallKind,
  type CallRow,
  calls,
  type HttpAnswer,
  type HttpCall,
  type Sink,
  targetOf,
} from './api.ts'
import { codeOf, failureOf, UnfitAnswer } from './connection-errors.ts'
import { openConnections, type Proxies } from './connections.ts'

/** What is reported of each call: `status` of an answer, or `errorCode` when there was none. */
export interface CallRecord<Kind = CallKind> {
  readonly kind: Kind
  readonly status?: number
  readonly errorCode?: string
  /** False only when not one byte of the request was written. */
  readonly sent: boolean
  readonly ms: number
}

/** Decides on the requests of one account, and sees their results. */
export interface Interceptor<Kind = CallKind> {
  /**
   * Called right before a request is sent; what it throws ends the request. Returns what is called with the result
   * before the next request is sent.
   */
  admit(): (record: CallRecord<Kind>, answer: HttpAnswer | undefined) => void
  /**
   * Called once more at the first byte, which may come long after `admit` when the process stood still while it
   * connected; what it throws ends the request with nothing sent.
   */
  starts?(): void
}

export interface HttpOptions<Kind = CallKind> {
  readonly clock: Clock
  /** One request, from connecting to the last byte. Time in the queue is not counted. */
  readonly timeoutMs: number
  /** Requests in flight at the same time, over all accounts. */
  readonly concurrency: number
  /** Trusted certificates in PEM in place of the system's. */
  readonly ca?: string
  readonly proxies?: Proxies | undefined
  readonly userAgent?: string
  readonly onCall?: (record: CallRecord<Kind>) => void
}

export interface Http<Kind extends AnyCallKind = CallKind> {
  /**
   * Sends a call once and returns whatever came back, refusals included.
   *
   * @throws whatever `interceptor.admit` throws, with nothing sent
   * @throws CloudUnreachable when no whole answer came; `outcome` says whether the cloud may have acted
   * @throws CloudChanged when the answer is packed in a way we do not accept
   * @throws the signal's reason when aborted, unless a request that makes something was already sent:
   *   then CloudUnreachable with outcome `unknown`, for that must not be forgotten
   */
  request(call: HttpCall<Kind>, signal: AbortSignal, interceptor?: Interceptor<Kind>): Promise<HttpAnswer>
  /** Waits so long for requests in flight, then closes the connections, and with them the requests. */
  close(options: { readonly graceMs: number }): Promise<void>
}

/** The largest home screen we know of has 60 kB; this leaves room for fleets and none for floods. */
const longestBodyBytes = 2 * 1024 * 1024
const longestHeadBytes = 32 * 1024
/** A connection kept longer is often closed already, and writing to a closed one ends in "nobody can say". */
const longestIdleMs = 30_000

/** A client for the daemon's calls. */
export const createHttp = (options: HttpOptions): Http => openClient(options, calls)

/** A client for the command that signs a person in; the only one that can have a code sent. */
export const createSignInHttp = (options: HttpOptions<AnyCallKind>): Http<AnyCallKind> =>
  openClient(options, allCalls)

function openClient<Kind extends AnyCallKind>(
  options: HttpOptions<Kind>,
  allowed: Readonly<Record<Kind, CallRow>>,
): Http<Kind> {
  const { clock, timeoutMs, concurrency, ca, proxies, userAgent = 'blink-manifestd', onCall } = options
  const limit = pLimit(concurrency)
  const flights = new Set<Promise<unknown>>()
  const dispatchers = openConnections({
    timeoutMs,
    connections: concurrency,
    maxHeaderSize: longestHeadBytes,
    keepAliveMaxTimeout: longestIdleMs,
    ca,
    proxies,
  })

  async function send(
    { call, url, interceptor }: QueuedCall<Kind>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { method } = allowed[call.kind]
    const admitted = interceptor?.admit()
    const started = clock.elapsed()
    const report = (seen: { status: number } | { errorCode: string }, sent: boolean, answer?: HttpAnswer) => {
      const record = { kind: call.kind, ...seen, sent, ms: Math.round(clock.elapsed() - started) }
      admitted?.(record, answer)
      onCall?.(record)
    }
    const headers = { 'user-agent': userAgent, 'accept-encoding': 'identity', ...call.headers }
    const target = { origin: url.origin, path: url.pathname + url.search }
    const request = { ...target, method, headers, body: call.body ?? null }
    const end = await exchange(dispatchers.dispatcherFor(url), request, {
      ...{ clock, timeoutMs, signal },
      sink: call.sink,
      starts: interceptor?.starts,
    })
    if (end.answer) {
      report({ status: end.answer.status }, true, end.answer)
      return end.answer
    }
    report({ errorCode: codeOf(end.error) }, end.sent)
    if (end.error instanceof SinkFailed) throw end.error.reason
    if (end.error instanceof DaemonError) throw end.error
    const { proxy, tried } = dispatchers.routeTo(url)
    const about = { kind: call.kind, host: url.hostname, proxy, sent: end.sent, signal }
    throw failureOf(end.error, { ...about, tried: end.sent ? [] : tried })
  }

  /** Sends a call within the concurrency limit; in the queue it can be aborted at once. */
  function queue(queued: QueuedCall<Kind>, signal: AbortSignal): Promise<HttpAnswer> {
    if (limit.activeCount + limit.pendingCount < concurrency) return limit(() => send(queued, signal))
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason as Error)
      signal.addEventListener('abort', leave, { once: true })
      limit(async () => {
        signal.removeEventListener('abort', leave)
        // Rejected already.
        if (signal.aborted) return
        await send(queued, signal).then(resolve, reject)
      }).catch(reject)
    })
  }

  return {
    async request(call, signal, interceptor) {
      const url = targetOf(call, allowed[call.kind])
      signal.throwIfAborted()
      const flight = queue({ call, url, interceptor }, signal)
      flights.add(flight)
      return flight.finally(() => flights.delete(flight))
    },

    async close({ graceMs }) {
      const grace = deadline(clock, graceMs)
      const over = new Promise<void>((resolve) => {
        grace.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      await Promise.race([Promise.allSettled(flights), over])
      grace.done()
      await dispatchers.close()
    },
  }
}

interface QueuedCall<Kind extends AnyCallKind> {
  readonly call: HttpCall<Kind>
  readonly url: URL
  readonly interceptor: Interceptor<Kind> | undefined
}

/** What a sink threw: the reader's own failure, and none of the cloud's. */
class SinkFailed extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super('the answer could not be written')
    this.reason = reason
  }
}

/** How an exchange ended. `sent` is false only when not one byte of the request was written. */
type End =
  | { readonly answer: HttpAnswer }
  | { readonly answer?: undefined; readonly error: unknown; readonly sent: boolean }

type Request = Dispatcher.DispatchOptions & { readonly origin: string }

interface Bounds extends Pick<HttpOptions, 'clock' | 'timeoutMs'> {
  readonly signal: AbortSignal
  readonly sink: Sink | undefined
  readonly starts: Interceptor['starts'] | undefined
}

/** Sends a request and reads its answer to the end; never rejects. */
function exchange(
  agent: Dispatcher,
  request: Request,
  { clock, timeoutMs, signal, sink, starts }: Bounds,
): Promise<End> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined
    let status = 0
    let retryAfter: string | undefined
    let announced: number | undefined
    let rest: Pick<HttpAnswer, 'location' | 'setCookies'> = {}
    let length = 0
    /** The answer goes there, and no longer into `chunks`. */
    let taker: Sink | undefined
    let writing: Promise<void> = Promise.resolve()
    const chunks: Buffer[] = []

    let isOver = false

    const end = (how: End) => {
      isOver = true
      signal.removeEventListener('abort', abort)
      callOff()
      callOffWhole()
      resolve(how)
    }
    const fail = (error: unknown) => {
      if (isOver) return
      end({ error, sent: controller !== undefined })
      // Destroys the socket, so that what is still coming is not even received.
      controller?.abort(error instanceof Error ? error : new Error('aborted', { cause: error }))
    }
    const abort = () => fail(signal.reason)
    const late = (ms: number) => fail(new DeadlineReached(`no whole answer within ${ms} ms`))
    const within = (ms: number) => clock.after(ms, () => late(ms))
    let callOff = within(timeoutMs)
    let callOffWhole: () => void = () => undefined
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })

    const take = (chunk: Buffer, to: Sink) => {
      controller?.pause()
      callOff()
      writing = writing
        .then(() => to.write(chunk))
        .catch((error: unknown) => {
          throw new SinkFailed(error)
        })
      writing.then(() => {
        if (isOver) return
        callOff = within(timeoutMs)
        controller?.resume()
      }, fail)
    }

    agent.dispatch(request, {
      onRequestStart(started) {
        // Ended while connecting: stopped here, before the first byte.
        if (isOver) return started.abort(new Error('aborted', { cause: signal.reason }))
        // undici repeats requests in some corners; better no manifest than one requested twice.
        if (controller) return started.abort(new Error('refused to send a request twice'))
        try {
          starts?.()
        } catch (error) {
          fail(error)
          return started.abort(new Error('aborted', { cause: error }))
        }
        controller = started
      },
      onResponseStart(_, code, headers) {
        // Called for 1xx as well; the answer proper comes last.
        status = code
        retryAfter = single(headers['retry-after'])
        rest = forSignIn(headers)
        const written = single(headers['content-length'])
        announced = written === undefined ? undefined : Number(written)
        const isJson = single(headers['content-type'])?.includes('json')
        if (sink && code === 200 && !isJson) {
          taker = sink
          callOffWhole = within(sink.timeoutMs)
        }
        const encoding = single(headers['content-encoding'])
        if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
          fail(new UnfitAnswer('ANSWER_PACKED'))
        else if ((announced ?? 0) > (taker?.mostBytes ?? longestBodyBytes))
          fail(new UnfitAnswer('ANSWER_TOO_LONG'))
      },
      onResponseData(_, chunk) {
        // undici has such pieces after a pause; to pause for one would bring the next one, without end.
        if (chunk.length === 0) return
        length += chunk.length
        if (length > (taker?.mostBytes ?? longestBodyBytes)) fail(new UnfitAnswer('ANSWER_TOO_LONG'))
        else if (taker) take(chunk, taker)
        else chunks.push(chunk)
      },
      onResponseEnd() {
        const bytes = taker && { received: length, announced }
        const text = new TextDecoder().decode(Buffer.concat(chunks))
        const answer = { status, retryAfter, text, ...(bytes && { bytes }), ...rest }
        writing.then(() => end({ answer }), fail)
      },
      onResponseError: (_, error) => fail(error),
    })
  })
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** The two headers that only the pages of a sign-in make use of. */
function forSignIn(headers: Headers) {
  const location = single(headers.location)
  const setCookies = [headers['set-cookie'] ?? []].flat()
  return { ...(location !== undefined && { location }), ...(setCookies.length > 0 && { setCookies }) }
}

/** A header of which there is one; of several, the first. */
function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
