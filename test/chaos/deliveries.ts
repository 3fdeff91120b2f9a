/**
 * What became of each id: stored, delivered once or more, in which order, received. Pure: records in, findings out.
 *
 * Delivered is what the broker was handed and has acknowledged on the wire. What the poller with its persistent
 * session got is counted beside it, for a broker that is killed can lose what it has acknowledged.
 */
import { z } from 'zod'
import type { Publish } from './wiretap.ts'

export interface DeliveryRecords {
  /** Every id that is known to have been on the daemon's disk. */
  readonly stored: ReadonlySet<number>
  readonly publishes: readonly Publish[]
  readonly received: ReadonlyMap<string, number>
  readonly deaf: readonly { readonly from: number; readonly until: number }[]
  readonly brokerEnds: readonly BrokerEnd[]
}

export interface BrokerEnd {
  readonly at: number
  /** Its sessions were deleted. */
  readonly forget: boolean
}

export interface Deliveries {
  readonly stored: number
  readonly delivered: number
  /** Ids that the broker acknowledged more than once, and the acknowledgements beyond the first. */
  readonly deliveredTwice: number
  readonly copies: number
  readonly lost: readonly number[]
  readonly received: number
  readonly receivedTwice: number
  /** Acknowledged by the broker, and gone with it before the poller had them. */
  readonly lostByBroker: readonly number[]
  readonly violations: readonly string[]
}

/** Mosquitto saves at every change, but after it has acknowledged; on a busy machine that takes a while. */
const saveMs = 2_000
/** The poller comes back within a moment; what it had not fetched by then, it has never asked for. */
const forgetMs = 10_000

const workItem = z.looseObject({
  event_id: z.string(),
  request_id: z.number(),
  sync_module_id: z.number(),
})

type Sent = Publish & { readonly id: number; readonly module: number; readonly eventId: string }

export function judgeDeliveries(records: DeliveryRecords): Deliveries {
  const sent = records.publishes.map(read)
  const byId = Map.groupBy(sent, ({ id }) => id)
  const acked = new Map(
    [...byId].flatMap(([id, copies]) => {
      const taken = copies.filter(({ ackedAt }) => ackedAt !== undefined)
      return taken.length > 0 ? [[id, taken]] : []
    }),
  )
  const receivedIds = [...records.received].map(([payload, times]) => ({ ...idOf(payload), times }))
  const got = new Map(receivedIds.map(({ id, times }) => [id, times]))
  const missed = [...acked].filter(([id]) => !got.has(id))
  const byBroker = missed.filter(([, copies]) => copies.every((copy) => isBrokersLoss(copy, records)))
  const unexplained = missed.filter((one) => !byBroker.includes(one)).map(([id]) => id)
  return {
    stored: records.stored.size,
    delivered: acked.size,
    deliveredTwice: [...acked.values()].filter((copies) => copies.length > 1).length,
    copies: [...acked.values()].reduce((sum, copies) => sum + copies.length - 1, 0),
    lost: [...records.stored].filter((id) => !acked.has(id)).sort((a, b) => a - b),
    received: got.size,
    receivedTwice: [...got.values()].filter((times) => times > 1).length,
    lostByBroker: byBroker.map(([id]) => id),
    violations: [
      ...[...byId].flatMap(([id, copies]) => differences(id, copies)),
      ...disorder(
        'first publishes',
        [...byId.values()].flatMap((copies) => copies[0] ?? []),
      ),
      ...disorder('first acknowledgements', firstAcks([...acked.values()])),
      ...unexplained.map((id) => `id ${id} was acknowledged and did not reach the poller, nobody knows why`),
      ...[...got.keys()]
        .filter((id) => !byId.has(id))
        .map((id) => `id ${id} came to the poller from nowhere`),
    ],
  }
}

/** All copies are the same to the last letter. */
function differences(id: number, copies: readonly Sent[]): string[] {
  const payloads = new Set(copies.map(({ payload }) => payload))
  const events = new Set(copies.map(({ eventId }) => eventId))
  return payloads.size === 1
    ? []
    : [`id ${id} went out with ${events.size} event ids, ${payloads.size} payloads`]
}

function firstAcks(taken: readonly (readonly Sent[])[]): Sent[] {
  const when = ({ ackedAt }: Sent) => ackedAt ?? 0
  return taken
    .flatMap((copies) => copies.toSorted((a, b) => when(a) - when(b))[0] ?? [])
    .toSorted((a, b) => when(a) - when(b) || a.at - b.at)
}

/** The cloud's ids only ever grow, so a smaller one after a larger one is out of order. */
function disorder(what: string, inOrder: readonly Sent[]): string[] {
  return [...Map.groupBy(inOrder, ({ module }) => module)].flatMap(([module, sent]) =>
    sent.flatMap(({ id }, index) => {
      const before = sent[index - 1]
      return before && before.id > id ? [`${what} of module ${module}: ${before.id} before ${id}`] : []
    }),
  )
}

/** The broker fell before it had saved, or before the poller had fetched; or it knew of no poller then. */
function isBrokersLoss({ ackedAt = 0 }: Sent, { brokerEnds, deaf }: DeliveryRecords): boolean {
  const fell = brokerEnds.some(
    ({ at, forget }) => at >= ackedAt && at - ackedAt < (forget ? forgetMs : saveMs),
  )
  return fell || deaf.some(({ from, until }) => from <= ackedAt && ackedAt <= until)
}

function read(publish: Publish): Sent {
  return { ...publish, ...idOf(publish.payload) }
}

function idOf(payload: string) {
  const { event_id: eventId, request_id: id, sync_module_id: module } = workItem.parse(JSON.parse(payload))
  return { eventId, id, module }
}
