/**
 * Outbox -> broker -> delete, until stopped.
 *
 * An event goes out as it is stored. The disk is read only for what could not go out then: after a start, behind an
 * earlier event of its order key, or behind a full window. The window of events in flight hides the round trip; of
 * one order key there is one event in flight at a time, so that the order of storing holds. A broker that is away is
 * no failure: the publishes wait. What the broker refuses is published again after a pause, without those of its
 * messages that the broker took; the later events of its order key wait behind it, and nothing else does.
 */
import type { Clock } from '../domain/clock.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { DurableEvent, EventKind, Message } from '../domain/model.ts'
import type { Log, Outbox, Publisher, StoredEvent } from '../domain/ports.ts'
import { Cleanup, sweepEveryMs } from './cleanup.ts'

export interface DeliveryNeeds {
  readonly outbox: Outbox
  readonly publisher: Publisher
  /** The messages of one event, published side by side; it is deleted when all are acknowledged. */
  readonly messagesFor: (event: DurableEvent) => readonly Message[]
  /**
   * Where other instances deliver too: aborted when an event is no longer this one's to publish, and absent when it is
   * not.
   */
  readonly holding?: ((event: DurableEvent) => AbortSignal | undefined) | undefined
  readonly delivered?: (event: DurableEvent) => void
  readonly expired?: (kind: EventKind, count: number) => void
  readonly clock: Clock
  readonly log: Log
}

/** Events in flight at a time: enough to hide a round trip, few enough to send again after a loss. */
const windowSize = 64
/** What kinds other than request IDs may take of the window, so that a request ID finds room. */
const otherKinds = 48

/** How long to wait after a refusal by the broker, or of the disk, before trying again, in milliseconds. */
const pauseMs = 30_000

/**
 * Delivers until `signal` is aborted; then returns without waiting for what is in flight.
 *
 * @throws whatever nobody expected
 */
export async function deliver(needs: DeliveryNeeds, signal: AbortSignal): Promise<void> {
  const delivery = new Delivery(needs, signal)
  const end = needs.outbox.onArrival((added) => delivery.arrived(added))
  try {
    await delivery.run()
  } finally {
    end()
    await delivery.end()
  }
}

class Delivery {
  readonly #needs: DeliveryNeeds
  readonly #signal: AbortSignal
  readonly #cleanup: Cleanup
  /** In flight, or refused and waiting to be published again. */
  readonly #owned = new Set<number>()
  readonly #inFlight = new Set<number>()
  /** The order keys of these, and whether more events of the key may wait on disk. */
  readonly #busy = new Map<string, boolean>()
  /** Whether there may be something on disk that could go out; what is stored meanwhile waits there. */
  #behind = true
  /** Whether something was stored, or an order key became free, while the disk was being read. */
  #isStale = false
  #bug: { readonly error: unknown } | undefined
  #awake = Promise.withResolvers<void>()

  constructor(needs: DeliveryNeeds, signal: AbortSignal) {
    this.#needs = needs
    this.#signal = signal
    const fail = (error: unknown) => this.#fail(error)
    this.#cleanup = new Cleanup({ ...needs, fail }, signal)
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** An event was stored, or some wait on disk that were stored elsewhere. */
  arrived(added: StoredEvent | undefined): void {
    this.#cleanup.diskRecovered()
    this.#isStale = true
    if (!added) {
      this.#behind = true
      this.#wake()
      return
    }
    const { orderKey, expiresAt } = added.event
    // A sweep may have deleted it in the same commit, so whether it has expired is seen on the disk.
    if (expiresAt <= this.#needs.clock.now()) this.#behind = true
    const waitsOnDisk = this.#behind && !this.#busy.has(orderKey)
    if (waitsOnDisk || !this.#take(added)) this.#wake()
  }

  async run(): Promise<void> {
    void this.#wakeEachMinute()
    while (!this.#signal.aborted) {
      this.#awake = Promise.withResolvers<void>()
      await this.#cleanup.sweep(this.#owned)
      await this.#fill()
      await this.#awake.promise
      if (this.#bug) throw this.#bug.error
    }
  }

  end(): Promise<void> {
    return this.#cleanup.delete()
  }

  #wake(): void {
    this.#awake.resolve()
  }

  #hasRoom(kind: EventKind): boolean {
    return this.#inFlight.size < (kind === 'manifest_requested' ? windowSize : otherKinds)
  }

  /** Reads from the disk what could not go out as it was stored, when half of the window is free. */
  async #fill(): Promise<void> {
    try {
      while (this.#behind && this.#inFlight.size <= windowSize / 2 && !this.#signal.aborted) {
        if (!(await this.#sendNext())) return
      }
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      const fields = { detail: error.message, remedy: error.remedy }
      this.#needs.log.error(fields, 'cannot read the outbox, trying again later')
      void this.#wakeLater()
    }
  }

  /** Publishes the oldest events on disk; returns whether there may be more that could go out now. */
  async #sendNext(): Promise<boolean> {
    const limit = windowSize - this.#inFlight.size
    const busy = [...this.#busy.keys()]
    this.#isStale = false
    const rows = await this.#needs.outbox.waiting(limit, busy, this.#cleanup.pending.keys())
    if (this.#signal.aborted) return false
    if (rows.length < limit && !this.#isStale) {
      this.#behind = false
      for (const key of busy) this.#busy.set(key, true)
    }
    let wasUsed = false
    for (const row of rows) {
      if (this.#take(row)) wasUsed = true
    }
    return wasUsed
  }

  /** Publishes an event, or lets it wait behind another of its key; false when the window has no room for it. */
  #take(stored: StoredEvent): boolean {
    const { kind, orderKey, expiresAt } = stored.event
    const { holding } = this.#needs
    const held = holding?.(stored.event)
    // Read from the disk a moment before the account went to another instance.
    if (holding && (!held || held.aborted)) return false
    if (this.#busy.has(orderKey)) this.#busy.set(orderKey, true)
    // Not only left out: if the clock were set back, it would live again, behind later ones.
    else if (expiresAt <= this.#needs.clock.now()) this.#cleanup.expired(stored)
    else if (this.#hasRoom(kind)) void this.#send(stored, held)
    else {
      this.#behind = true
      return false
    }
    return true
  }

  async #send(stored: StoredEvent, held: AbortSignal | undefined): Promise<void> {
    const { seq, event } = stored
    this.#owned.add(seq)
    this.#busy.set(event.orderKey, false)
    try {
      if (await this.#publish(stored, held ? AbortSignal.any([this.#signal, held]) : this.#signal)) {
        this.#cleanup.acknowledged(seq)
        this.#needs.delivered?.(event)
      } else this.#cleanup.expired(stored)
    } catch (error) {
      if (!held?.aborted || this.#signal.aborted) {
        if (!this.#signal.aborted) this.#fail(error)
        return
      }
    } finally {
      this.#inFlight.delete(seq)
      this.#owned.delete(seq)
    }
    this.#isStale = true
    if (this.#busy.get(event.orderKey)) this.#behind = true
    this.#busy.delete(event.orderKey)
    if (this.#behind) this.#wake()
  }

  /** Resolves when the broker has acknowledged all messages of an event; false when it has expired before that. */
  async #publish({ seq, event }: StoredEvent, signal: AbortSignal): Promise<boolean> {
    const { publisher, messagesFor, clock } = this.#needs
    const taken = new Set<string>()
    for (;;) {
      this.#inFlight.add(seq)
      const left = messagesFor(event).filter(({ topic }) => !taken.has(topic))
      const sent = left.map(async (message) => {
        await publisher.publish(message, signal)
        taken.add(message.topic)
      })
      const results = await Promise.allSettled(sent)
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      if (failures.length === 0) return true
      const bug = failures.find((error) => !(error instanceof PublishRefused))
      if (bug !== undefined) throw bug
      // Out of the window: what the broker does not want must not keep it from the rest.
      this.#inFlight.delete(seq)
      if (this.#behind) this.#wake()
      await clock.sleep(pauseMs, signal)
      if (event.expiresAt <= clock.now()) return false
    }
  }

  /** What nobody expected ends the delivery. */
  #fail(error: unknown): void {
    this.#bug ??= { error }
    this.#wake()
  }

  async #wakeEachMinute(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#needs.clock.sleep(sweepEveryMs, this.#signal).catch(() => undefined)
      this.#wake()
    }
  }

  async #wakeLater(): Promise<void> {
    await this.#needs.clock.sleep(pauseMs, this.#signal).catch(() => undefined)
    this.#wake()
  }
}
