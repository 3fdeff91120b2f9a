/**
 * The broker of a delivery, and the checker of whether it kept what is promised: each stored id is taken by the
 * broker or dropped when it is dead, and never both; in the order of storing within its module; and nothing is
 * sent twice by the same process. Knows the ports only, nothing of how the delivery works.
 */
import { PublishRefused } from '../../src/domain/errors.ts'
import {
  type DurableEvent,
  type EventKind,
  keyOf,
  type Message,
  type WorkItem,
} from '../../src/domain/model.ts'
import type { Publisher } from '../../src/domain/ports.ts'
import type { FakeClock } from './fake-clock.ts'
import { workItemOf } from './samples.ts'

interface Publish {
  readonly id: string
  readonly topic: string
  readonly module: string
  readonly ack: () => void
  readonly refuse: () => void
}

export interface DeliveryCheckerNeeds {
  readonly clock: FakeClock
  /** What is on the disk now. */
  readonly rows: () => readonly WorkItem[]
  /** The topics of an item's messages. */
  readonly topics: readonly string[]
}

/** A refused id is tried again so much later. */
const afterRefusalMs = 30_000
/** More to send again after a lost connection would be a flood. */
const mostInFlight = 128
const refusal = () => new PublishRefused('not now', 0x97)

export class DeliveryChecker {
  readonly broken: string[] = []
  readonly #needs: DeliveryCheckerNeeds
  readonly #known = new Map<string, WorkItem>()
  /** On disk when last looked. */
  #stored = new Set<string>()
  /** Taken by the broker as a whole, by one process or another. */
  readonly #taken = new Set<string>()
  #pending: Publish[] = []
  /** Of this process: what was sent, and what was acknowledged. */
  #sent = new Set<string>()
  #acked = new Set<string>()
  #dropped = 0
  #toldExpired = 0
  #toldDelivered = 0
  #takenInLife = 0
  /** Of this process: what was refused and not sent again, and until when its module is left alone. */
  readonly #refused = new Set<string>()
  readonly #heldUntil = new Map<string, number>()
  #latestWall = 0

  constructor(needs: DeliveryCheckerNeeds) {
    this.#needs = needs
  }

  readonly messagesFor = (event: DurableEvent): Message[] => {
    const item = workItemOf(event)
    this.#known.set(item.requestId, item)
    return this.#needs.topics.map((topic) => ({ topic, payload: item.requestId, retain: false }))
  }

  readonly delivered = () => {
    this.#toldDelivered++
  }

  readonly expired = (_kind: EventKind, count: number) => {
    this.#toldExpired += count
  }

  /** How many publishes the broker has not answered. */
  get inFlight(): number {
    return this.#pending.length
  }

  /** The way to the broker for one life of the program. */
  publisher(): Publisher {
    return {
      publish: (message, signal) =>
        new Promise((resolve, reject) => {
          const { payload: id, topic } = message
          if (signal.aborted) return reject(signal.reason as Error)
          this.#judge(id, topic)
          const item = this.#known.get(id)
          const publish: Publish = {
            ...{ id, topic, module: item ? keyOf(item) : '', ack: resolve },
            refuse: () => reject(refusal()),
          }
          this.#pending.push(publish)
          if (new Set(this.#pending.map((each) => each.id)).size > mostInFlight) this.#say('all at once')
          signal.addEventListener('abort', () => {
            this.#pending = this.#pending.filter((each) => each !== publish)
            reject(signal.reason as Error)
          })
        }),
    }
  }

  /** The broker takes, or refuses, a message of the oldest item of a module: in their order, as brokers answer. */
  answer(which: number, how: 'ack' | 'refuse'): void {
    const modules = [...Map.groupBy(this.#pending, ({ module }) => module).values()]
    const ofModule = modules[which % modules.length] ?? []
    const ofItem = ofModule.filter(({ id }) => id === ofModule[0]?.id)
    const publish = ofItem[which % ofItem.length]
    if (!publish) return
    this.#pending = this.#pending.filter((each) => each !== publish)
    if (how === 'refuse') this.#refused.add(publish.id)
    // The pause begins when all of its messages are answered.
    if (this.#refused.has(publish.id)) this.#heldUntil.set(publish.module, this.#pauseFromNow())
    if (how === 'ack') this.#take(publish)
    else publish.refuse()
  }

  answerAll(how: 'ack' | 'refuse'): void {
    while (this.#pending.length > 0) this.answer(0, how)
  }

  /** Looks at the disk: what is gone from it must have been taken, or dead. */
  look(): void {
    const { clock, rows } = this.#needs
    this.#latestWall = Math.max(this.#latestWall, clock.now())
    const here = new Set<string>()
    for (const item of rows()) {
      this.#known.set(item.requestId, item)
      here.add(item.requestId)
    }
    for (const id of this.#stored) {
      if (here.has(id) || this.#taken.has(id)) continue
      this.#dropped++
      const { expiresAt = 0 } = this.#known.get(id) ?? {}
      if (expiresAt > this.#latestWall) this.#say(`${id} was dropped alive`)
    }
    this.#stored = here
  }

  /** Nothing is under way: what could go out has gone, and what was told is what has happened. */
  rest(sinceTroubleMs: number): void {
    this.look()
    if (this.#toldExpired !== this.#dropped)
      this.#say(`${this.#toldExpired} told as expired, ${this.#dropped} dropped`)
    if (this.#toldDelivered !== this.#takenInLife)
      this.#say(`${this.#toldDelivered} told as delivered, ${this.#takenInLife} taken`)
    if (this.#pending.length > 0 || sinceTroubleMs <= afterRefusalMs) return
    const { clock } = this.#needs
    for (const id of this.#waiting()) {
      const item = this.#known.get(id)
      if (!item || item.expiresAt <= this.#latestWall) continue
      if ((this.#heldUntil.get(keyOf(item)) ?? Number.NEGATIVE_INFINITY) < clock.elapsed())
        this.#say(`${id} waits for nothing`)
    }
  }

  /** Another process goes on with what is on the disk; the one before may not have told all it has done. */
  nextLife(): void {
    this.look()
    // It does not know what the last one had not forgotten, and begins with it.
    for (const id of this.#stored) this.#taken.delete(id)
    this.#pending = []
    this.#sent = new Set()
    this.#acked = new Set()
    this.#refused.clear()
    this.#heldUntil.clear()
    this.#toldDelivered = 0
    this.#takenInLife = 0
    this.#toldExpired = this.#dropped
  }

  #pauseFromNow(): number {
    return this.#needs.clock.elapsed() + afterRefusalMs
  }

  #judge(id: string, topic: string): void {
    const message = `${id} ${topic}`
    if (this.#acked.has(message)) this.#say(`${message} was sent again, and it had been taken`)
    if (this.#pending.some((other) => other.id === id && other.topic === topic))
      this.#say(`${message} was sent again, and it was on its way`)
    const item = this.#known.get(id)
    const heldUntil = (item && this.#heldUntil.get(keyOf(item))) ?? 0
    if (heldUntil > this.#needs.clock.elapsed()) this.#say(`${message} was sent soon after a refusal`)
    this.#refused.delete(id)
    this.#sent.add(id)
    this.look()
    const skipped = this.#earlier(id).filter((other) => !this.#sent.has(other))
    if (skipped.length > 0) this.#say(`${id} was sent before ${skipped.join()}`)
  }

  #take({ id, topic, ack }: Publish): void {
    this.#acked.add(`${id} ${topic}`)
    ack()
    if (!this.#needs.topics.every((each) => this.#acked.has(`${id} ${each}`))) return
    this.look()
    const late = this.#earlier(id)
    if (late.length > 0) this.#say(`${id} was taken before ${late.join()}`)
    this.#taken.add(id)
    this.#takenInLife++
  }

  /** What was stored before it, of its module, and waits; what has expired will not be sent. */
  #earlier(id: string): string[] {
    const item = this.#known.get(id)
    if (!item) return []
    const isBefore = (other: string) => {
      const { expiresAt, ...key } = this.#known.get(other) ?? item
      return Number(other) < Number(id) && keyOf(key) === keyOf(item) && expiresAt > this.#latestWall
    }
    return this.#waiting().filter(isBefore)
  }

  #waiting(): string[] {
    return [...this.#stored].filter((id) => !this.#taken.has(id))
  }

  #say(what: string): void {
    this.broken.push(what)
  }
}
