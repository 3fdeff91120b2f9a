/**
 * Writes the history of attempts while the page is on, without anybody waiting for it: an attempt is noted in memory, and
 * what was noted goes to the disk a little later, in small commits.
 *
 * A history that the disk does not take has gaps. Nothing else follows from it.
 */
import type { Attempt, AttemptDelivered, ModuleAttempt } from '../domain/attempt.ts'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { keyOf, type ModuleKey, type ModuleReport } from '../domain/model.ts'
import type { AttemptHistory, Ledger, Observer } from '../domain/ports.ts'

export interface AttemptNeeds {
  readonly history: Pick<AttemptHistory, 'record'>
  readonly ledger: Pick<Ledger, 'count'>
  readonly clock: Clock
  /** Called with what nobody expected. */
  readonly fail: (error: unknown) => void
}

export interface AttemptRecorder {
  readonly observer: Observer
  /** Writes what was noted. */
  close(): Promise<void>
}

/** With more modules than that nobody looks at charts, and the history would cost more than it is worth. */
const mostModules = 1_000
/** In one commit: a fraction of a millisecond. */
const mostInCommit = 100
/** Far more than a run of all modules notes; beyond it the disk is too slow, or refuses. */
const mostNoted = 5_000

const [gatherMs, nextMs, refusedMs, countEveryMs] = [1_000, 50, 30_000, 60_000]

export function recordAttempts({ history, ledger, clock, fail }: AttemptNeeds): AttemptRecorder {
  let attempts = new Map<string, ModuleAttempt>()
  let delivered: AttemptDelivered[] = []
  let callOff: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()
  let isClosed = false
  let isSmall = true
  let countAt = Number.NEGATIVE_INFINITY

  function soon(ms: number): void {
    if (!isClosed) callOff ??= clock.after(ms, next)
  }

  function next(): void {
    callOff = undefined
    writing = write(mostInCommit)
  }

  async function write(most: number): Promise<void> {
    try {
      await look()
      if (!isSmall) [attempts, delivered] = [new Map(), []]
      if (attempts.size + delivered.length === 0) return
      const batch = [...attempts].slice(0, most)
      for (const [name] of batch) attempts.delete(name)
      await history.record(
        batch.map(([, attempt]) => attempt),
        delivered.splice(0, most),
      )
      if (attempts.size + delivered.length > 0) soon(nextMs)
    } catch (error) {
      if (!(error instanceof StoreFailed)) fail(error)
      else if (attempts.size + delivered.length > 0) soon(refusedMs)
    }
  }

  async function look(): Promise<void> {
    if (clock.elapsed() - countAt < countEveryMs) return
    countAt = clock.elapsed()
    isSmall = (await ledger.count()) <= mostModules
  }

  const isFull = () => attempts.size + delivered.length >= mostNoted

  return {
    observer: {
      moduleFinished(report) {
        if (isClosed || isFull()) return
        const attempt = { module: idsOf(report.module), ...attemptOf(report) }
        attempts.set(nameOf(attempt, attempt.accepted?.requestId), attempt)
        soon(gatherMs)
      },
      eventDelivered({ kind, body }) {
        if (isClosed || kind !== 'manifest_requested') return
        const { requestId, requestedAt: at } = body
        const delivery = { module: idsOf(body), at, requestId, deliveredAt: clock.now() }
        const name = nameOf(delivery, requestId)
        const noted = attempts.get(name)
        if (noted?.accepted) {
          const accepted = { ...noted.accepted, deliveredAt: delivery.deliveredAt }
          attempts.set(name, { ...noted, accepted })
        } else if (!isFull()) delivered.push(delivery)
        soon(gatherMs)
      },
    },
    async close() {
      isClosed = true
      callOff?.()
      await writing
      await write(mostNoted)
    },
  }
}

function nameOf({ module, at }: Pick<ModuleAttempt, 'module' | 'at'>, requestId = ''): string {
  return `${keyOf(module)} ${at} ${requestId}`
}

function idsOf({ accountId, networkId, syncModuleId }: ModuleKey): ModuleKey {
  return { accountId, networkId, syncModuleId }
}

function attemptOf(report: ModuleReport): Attempt {
  if (report.kind !== 'requested') {
    return { at: report.at, outcome: report.outcome, latencyMs: undefined, accepted: undefined }
  }
  const { requestId, requestedAt, expiresAt } = report.item
  const accepted = { requestId, expiresAt, deliveredAt: undefined }
  // By the time of the item, so that its delivery finds it.
  return { at: requestedAt, outcome: 'requested', latencyMs: report.latencyMs, accepted }
}
