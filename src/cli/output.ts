/**
 * Standard output and standard error, written at once and without ever waiting for whoever reads them.
 *
 * Written synchronously, so that a line is out of the process before the next thing happens: the last lines before
 * a kill are the ones that matter. But never blocking: what a pipe, a socket or a terminal does not take waits here,
 * up to a bound, and is tried again with the next text and by a timer. What comes beyond the bound is dropped and
 * counted, by whole texts.
 */
import { constants, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { isatty } from 'node:tty'

export interface OutputOptions {
  /** How much may wait for the reader, in bytes. */
  readonly mostWaiting: number
  /** Whether to try again after every error; otherwise only a reader that is slow is waited for. */
  readonly stubborn: boolean
}

const [soonestMs, latestMs] = [1, 250]
const slow = 'EAGAIN'
const readerGone = 'EPIPE'

export class Output {
  readonly #fd: number
  readonly #options: OutputOptions
  readonly #closed = new AbortController()
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #dropped = 0
  #failure: string | undefined
  #retryMs = soonestMs
  #timer: NodeJS.Timeout | undefined
  /** Called with the number of texts that were dropped, once there is room again. */
  flowing: ((dropped: number) => void) | undefined

  /** @param fd that of a pipe or socket must not block: Node sees to that when `process.stdout` is first looked at */
  constructor(fd: number, options: OutputOptions) {
    this.#fd = isatty(fd) ? withoutBlocking(fd) : fd
    this.#options = options
  }

  /** Aborted when the reader of a pipe has gone. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** The code of the error for which a text was given up; a reader that has gone is none. */
  get failure(): string | undefined {
    return this.#failure
  }

  write(text: string): void {
    const bytes = Buffer.from(text)
    if (this.#over) return
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > this.#options.mostWaiting) this.#pump()
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > this.#options.mostWaiting) {
      this.#dropped++
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.#pump()
  }

  /** Resolves when all is written, at the latest when `limit` is aborted. */
  async flushed(limit: AbortSignal): Promise<void> {
    while (this.#waiting.length > 0 && !limit.aborted) {
      if (this.#pump() !== slow) return
      await pause(this.#retryMs, undefined, { signal: limit }).catch(() => undefined)
    }
  }

  get #over(): boolean {
    return !this.#options.stubborn && (this.#failure !== undefined || this.closed.aborted)
  }

  /** Writes what waits, as far as it is taken; returns the code of the error that stopped it. */
  #pump(): string | undefined {
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const written = writeSync(this.#fd, next)
        this.#waitingBytes -= written
        this.#retryMs = soonestMs
        if (written < next.length) this.#waiting[0] = next.subarray(written)
        else this.#waiting.shift()
      }
    } catch (error) {
      return this.#failed(codeOf(error))
    }
    const dropped = this.#dropped
    this.#dropped = 0
    if (dropped > 0) this.flowing?.(dropped)
    return undefined
  }

  #failed(code: string): string {
    if (code === slow || this.#options.stubborn) this.#tryLater()
    else {
      if (code === readerGone) this.#closed.abort()
      else this.#failure = code
      this.#waiting = []
      this.#waitingBytes = 0
    }
    return code
  }

  #tryLater(): void {
    if (this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#pump()
    }, this.#retryMs)
    this.#timer.unref()
    this.#retryMs = Math.min(2 * this.#retryMs, latestMs)
  }
}

/** A terminal that somebody has stopped blocks whoever writes, unless it is opened anew for us alone. */
function withoutBlocking(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return fd
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}
