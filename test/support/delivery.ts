/** A real outbox in a fresh directory, a broker that does as told, and a delivery between them. */
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import { PublishRefused } from '../../src/domain/errors.ts'
import type { DurableEvent, EventKind, Message, WorkItem } from '../../src/domain/model.ts'
import { type DeliveryNeeds, deliver } from '../../src/outbox/delivery.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { openOutbox, type StoredOutbox } from '../../src/storage/outbox.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { anItem, noReserve, readableLog, requested, temporaryDirectory, workItemOf } from './samples.ts'

const tooLarge = new PublishRefused('packet too large', 0x95)

/** A broker that acknowledges when told to, and refuses ids by name. */
function aBroker() {
  const sent: {
    readonly message: Message
    readonly ack: () => void
    readonly refuse: (error: Error) => void
  }[] = []
  let away = false
  const refusing = new Set<string>()
  return {
    /** The ids in the order in which the broker got them. */
    get got(): string[] {
      return sent.map(({ message }) => message.payload)
    },
    messages: sent,
    refusing,
    leave() {
      away = true
    },
    /** Acknowledges all it got, and what follows. */
    comeBack() {
      away = false
      for (const { ack } of sent) ack()
    },
    publish(message: Message, signal: AbortSignal): Promise<void> {
      return new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
        sent.push({ message, ack: resolve, refuse: reject })
        if (refusing.has(message.payload)) reject(tooLarge)
        else if (!away) resolve()
      })
    },
  }
}

export interface World {
  readonly outbox: StoredOutbox
  readonly broker: ReturnType<typeof aBroker>
  readonly clock: FakeClock
  readonly log: ReturnType<typeof readableLog>
  readonly delivered: WorkItem[]
  readonly expired: number[]
  readonly database: Database
  /** Keeps an item as a tick does. */
  add(requestId: string, differing?: Partial<WorkItem>): Promise<void>
  /** Starts a delivery, as a start of the program does. */
  begin(
    messagesFor?: (item: WorkItem) => readonly Message[],
    differing?: Partial<Pick<DeliveryNeeds, 'outbox' | 'holding'>>,
  ): {
    stop(): Promise<void>
    readonly ended: Promise<void>
  }
}

/** A world whose database lies in `directory`. */
export function aWorld(directory = temporaryDirectory()): World {
  const database = openDatabase(directory, { log: readableLog(), reserve: noReserve, clock: systemClock })
  onTestFinished(() => database.close())
  const outbox = openOutbox(database)
  const ledger = openLedger(database, outbox, noReserve)
  const [broker, clock, log] = [aBroker(), fakeClock(), readableLog()]
  const delivered: WorkItem[] = []
  const expired: number[] = []
  return {
    ...{ database, outbox, broker, clock, log, delivered, expired },
    async add(requestId, differing) {
      await ledger.record(requested(anItem({ requestId, ...differing })))
    },
    begin(messagesFor = (item) => [{ topic: 't', payload: item.requestId, retain: false }], differing = {}) {
      const stopping = new AbortController()
      const observed = {
        delivered: (event: DurableEvent) => delivered.push(workItemOf(event)),
        expired: (_kind: EventKind, count: number) => expired.push(count),
      }
      const messages = (event: DurableEvent) => messagesFor(workItemOf(event))
      const needs = {
        outbox,
        publisher: broker,
        messagesFor: messages,
        clock,
        log,
        ...observed,
        ...differing,
      }
      const ended = deliver(needs, stopping.signal)
      const stop = () => {
        stopping.abort(new Error('stopped'))
        return ended
      }
      onTestFinished(() => stop().catch(() => undefined))
      return { ended, stop }
    },
  }
}
