/**
 * Outbox -> broker -> forget, in order, until stopped.
 *
 * An item goes out as it is stored; the disk is read only for what could not go out then: after a start, behind an
 * earlier item of its module, or behind a thousand others. A window of unacknowledged publishes keeps
 * it fast; within a module the order is that of storing. A broker that is away is no failure: the publishes wait. A
 * broker that refuses a message gets it again after a pause, but not the others of its item that it took; until then
 * the later items of that module wait too, so that their order holds.
 */
import type { Clock } from '../domain/clock.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import { keyOf, type WorkItem } from '../domain/model.ts'
import type { Log, Outbox, Waiting } from '../domain/ports.ts'
import { Dropping } from './dropping.ts'
import { Forgetting } from './forgetting.ts'
import { Parts, type PartsNeeds } from './parts.ts'
import { Upcoming } from './upcoming.ts'

export interface DeliverNeeds extends PartsNeeds {
  readonly outbox: Outbox
  readonly clock: Clock
  readonly log: Log
  /** Told of each item that the broker has acknowledged. */
  readonly delivered?: (item: WorkItem) => void
  /** Told how many items died waiting. */
  readonly expired?: (count: number) => void
}

/** Unacknowledged items at a time: enough to hide a round trip, few enough to send again after a loss. */
const windowSize = 64

/** How long to wait after a refusal by the broker, or of the disk, before trying again, in milliseconds. */
const pauseMs = 30_000

/**
 * Delivers until `signal` is aborted; then returns without waiting for what is in flight.
 *
 * @throws whatever nobody expected
 */
export async function deliver(needs: DeliverNeeds, signal: AbortSignal): Promise<void> {
  const delivery = new Delivery(needs, signal)
  const end = needs.outbox.onArrival((added) => delivery.arrived(added))
  try {
    while (!signal.aborted) {
      await delivery.fill()
      await delivery.woken()
    }
  } finally {
    end()
    await delivery.end()
  }
}

class Delivery {
  readonly #needs: DeliverNeeds
  readonly #signal: AbortSignal
  readonly #forgetting: Forgetting
  readonly #dropping: Dropping
  readonly #inFlight = new Set<number>()
  readonly #parts: Parts
  /** Modules with an item in flight, or held after a refusal: their next items wait, so that the order holds. */
  readonly #busy = new Set<string>()
  /** Those of the busy modules of which more may wait on disk. */
  readonly #passed = new Set<string>()
  readonly #upcoming = new Upcoming()
  /** Whether there may be something on disk that could go out; nothing is upcoming then. */
  #behind = true
  #bug: { readonly error: unknown } | undefined
  #awake = false
  #wakeUp: (() => void) | undefined

  constructor(needs: DeliverNeeds, signal: AbortSignal) {
    this.#needs = needs
    this.#signal = signal
    this.#parts = new Parts(needs, signal)
    const { outbox, clock } = needs
    const recovered = () => this.#fallBehind()
    const cannot = (what: string) => (error: unknown) => this.#storeTrouble(error, `cannot ${what}`)
    this.#forgetting = new Forgetting(
      { outbox, clock, trouble: cannot('forget a delivered request id'), recovered },
      signal,
    )
    const dropped = (count: number) => this.#dropped(count)
    this.#dropping = new Dropping({ outbox, clock, dropped, trouble: cannot('drop expired request ids') })
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** An item was added, so the disk takes writes. */
  arrived(added: Waiting): void {
    this.#forgetting.diskTook()
    const key = keyOf(added.item)
    if (this.#busy.has(key)) this.#passed.add(key)
    else if (this.#behind || !this.#upcoming.add(added)) this.#fallBehind()
    else this.#sendUpcoming()
    if (this.#dropping.isDue) this.#wake()
  }

  /** Resolves at the next `#wake`, at once if there was one since the last call. */
  async woken(): Promise<void> {
    if (!this.#awake) {
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve
      })
    }
    this.#awake = false
    this.#wakeUp = undefined
    if (this.#bug) throw this.#bug.error
  }

  /** Takes from the disk what could not go out as it came, when half of the window is free; drops what is dead. */
  async fill(): Promise<void> {
    if (this.#dropping.isDue) await this.#dropping.old(this.#forgetting.and(this.#inFlight))
    if (!this.#behind || this.#inFlight.size > windowSize / 2) return
    // Not waited for: what is acknowledged is known by its number, on disk or not.
    void this.#forgetting.now()
    try {
      const dead = await this.#takeNext()
      if (dead.length === 0) return
      await this.#dropping.met(dead)
      this.#wake()
    } catch (error) {
      this.#storeTrouble(error, 'cannot read the outbox, trying again later')
      void this.#wakeLater()
    }
  }

  end(): Promise<void> {
    return this.#forgetting.now()
  }

  #wake(): void {
    this.#awake = true
    this.#wakeUp?.()
  }

  #fallBehind(): void {
    this.#behind = true
    this.#upcoming.letGo()
    this.#wake()
  }

  #dropped(dropped: number): void {
    const { clock, expired, log } = this.#needs
    this.#parts.letGoOfDead(clock.now())
    this.#fallBehind()
    log.warn({ dropped }, 'request ids expired before the broker took them')
    expired?.(dropped)
  }

  /** Sends what waits, until the window is full or there is an end of it, or of the living; returns the dead ones met. */
  async #takeNext(): Promise<readonly number[]> {
    const now = this.#needs.clock.now()
    while (this.#inFlight.size < windowSize && !this.#signal.aborted) {
      // What is acknowledged may still lie on the disk, in front of what is to go out.
      const limit = windowSize - this.#inFlight.size + this.#forgetting.size
      const waiting = await this.#needs.outbox.waiting(limit, this.#busy)
      const rows = waiting.filter(({ seq }) => !this.#forgetting.has(seq))
      if (!this.#dropping.isRefused) {
        // Not only left out: if the clock were set back, they would live again, behind later ones.
        const dead = rows.filter(({ item }) => item.expiresAt <= now).map(({ seq }) => seq)
        if (dead.length > 0) return dead
      }
      if (rows.length === 0) {
        this.#behind = false
        for (const key of this.#busy) this.#passed.add(key)
        break
      }
      for (const row of rows) {
        const key = keyOf(row.item)
        // The first of a module's items in this batch has made it busy.
        if (!this.#busy.has(key)) void this.#send(row, key)
      }
    }
    return []
  }

  async #send(waiting: Waiting, key: string): Promise<void> {
    const { seq, item } = waiting
    this.#inFlight.add(seq)
    this.#busy.add(key)
    try {
      await this.#parts.publish(waiting)
      this.#forgetting.add(seq)
      this.#needs.delivered?.(item)
    } catch (error) {
      // Held, but out of the window: what the broker does not want must not keep it from the rest.
      this.#inFlight.delete(seq)
      this.#passed.add(key)
      this.#goOn()
      await this.#troubleWith(item, error)
    }
    this.#inFlight.delete(seq)
    this.#busy.delete(key)
    if (this.#passed.delete(key)) this.#fallBehind()
    else this.#goOn()
  }

  #goOn(): void {
    if (this.#behind) this.#wake()
    else this.#sendUpcoming()
  }

  #sendUpcoming(): void {
    while (this.#inFlight.size < windowSize && !this.#signal.aborted) {
      const next = this.#upcoming.take()
      if (next === undefined) return
      const key = keyOf(next.item)
      if (this.#busy.has(key)) this.#passed.add(key)
      else if (next.item.expiresAt <= this.#needs.clock.now()) this.#fallBehind()
      else void this.#send(next, key)
    }
  }

  /** Resolves when the module may be tried again. */
  async #troubleWith(item: WorkItem, error: unknown): Promise<void> {
    if (this.#signal.aborted) return
    const { clock, log } = this.#needs
    if (!(error instanceof PublishRefused)) {
      this.#fail(error)
      return
    }
    const { reasonCode, remedy } = error
    log.warn(
      { reason_code: reasonCode, ...ids(item), remedy },
      'broker refused a request id, trying again later',
    )
    await clock.sleep(pauseMs, this.#signal).catch(() => undefined)
  }

  #storeTrouble(error: unknown, message: string): void {
    if (!(error instanceof StoreFailed)) this.#fail(error)
    else this.#needs.log.error({ detail: error.message, remedy: error.remedy }, message)
  }

  /** What nobody expected ends the delivery. */
  #fail(error: unknown): void {
    this.#bug = { error }
    this.#wake()
  }

  async #wakeLater(): Promise<void> {
    await this.#needs.clock.sleep(pauseMs, this.#signal).catch(() => undefined)
    this.#wake()
  }
}

function ids(item: WorkItem) {
  return { account_id: item.accountId, network_id: item.networkId, sync_module_id: item.syncModuleId }
}
