/**
 * A delivery in any order of events: ids come, the disk is slow or fails, the broker answers when and as it likes,
 * time passes, and the program is stopped or killed. The checker says whether what is promised was kept.
 */
import fc from 'fast-check'
import type { Publisher } from '../../src/domain/ports.ts'
import { deliver } from '../../src/outbox/delivery.ts'
import { DeliveryChecker } from './delivery-checker.ts'
import { fakeClock } from './fake-clock.ts'
import type { FakeDisk } from './fake-outbox.ts'
import { anItem, readableLog, start } from './samples.ts'

const minute = 60_000

/** `many` of different modules, from this one on; `ttlMs` is what they have left to live. */
const arrive = fc.record({
  kind: fc.constant('arrive'),
  module: fc.integer({ min: 0, max: 3 }),
  many: fc.constantFrom(1, 1, 1, 3, 70, 140),
  ttlMs: fc.constantFrom(10_000, minute, 60 * minute),
})
const answer = fc.record({
  kind: fc.constant('answer'),
  which: fc.nat(100),
  how: fc.constantFrom('ack', 'ack', 'ack', 'refuse'),
})
const plain = fc.record({
  kind: fc.constantFrom(
    'takeAll',
    'takeAll',
    'refuseAll',
    'turn',
    'rest',
    'rest',
    'stop',
    'kill',
    'heal',
    'heal',
  ),
})
const commit = fc.record({ kind: fc.constant('commit'), most: fc.integer({ min: 1, max: 8 }) })
const pass = fc.record({ kind: fc.constant('pass'), ms: fc.constantFrom(10, 50, 1_000, 30_000, minute) })
const fail = fc.record({ kind: fc.constant('fail'), what: fc.constantFrom('reads', 'writes') })
const jump = fc.record({ kind: fc.constant('jump'), ms: fc.constantFrom(-60 * minute, -minute, 5 * minute) })
/** Something that happens. */
export const step = fc.oneof(
  { weight: 5, arbitrary: arrive },
  { weight: 6, arbitrary: answer },
  { weight: 5, arbitrary: commit },
  { weight: 3, arbitrary: pass },
  { weight: 4, arbitrary: plain },
  { weight: 1, arbitrary: fail },
  { weight: 1, arbitrary: jump },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Circumstances {
  readonly steps: readonly Step[]
  /** The topics of an item's messages. */
  readonly topics: readonly string[]
  /** A disk that calls back after each change. */
  readonly diskOf: (changed: () => void) => FakeDisk
}

/** More uses of the disk than this between two steps, and the delivery runs in circles. */
const mostUses = 500

/** Lets it all happen, and then everything be well again; returns what was promised and not kept. */
export async function play({ steps, topics, diskOf }: Circumstances): Promise<readonly string[]> {
  const clock = fakeClock(start)
  const disk = diskOf(() => checker.look())
  const checker: DeliveryChecker = new DeliveryChecker({ clock, topics, rows: () => disk.rows() })
  let lastId = 1_000
  let troubleAt = Number.NEGATIVE_INFINITY

  const begin = () => {
    const stopping = new AbortController()
    const life = disk.open()
    const { messagesFor, delivered, expired } = checker
    const alive = { publisher: checker.publisher() }
    const publisher: Publisher = { publish: (...values) => alive.publisher.publish(...values) }
    const kill = () => {
      life.kill()
      alive.publisher = { publish: () => new Promise(() => undefined) }
    }
    const needs = { outbox: life.outbox, publisher, clock, log: readableLog() }
    const ended = deliver({ ...needs, messagesFor, delivered, expired }, stopping.signal)
    ended.catch((error: unknown) => checker.broken.push(`ended by ${String(error)}`))
    return { life, kill, stopping, ended }
  }
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  /** Until nothing is under way but what waits for the broker or for time. */
  const settle = async () => {
    const before = disk.uses
    for (let idle = 0; idle < 3; idle++) {
      if (disk.queued > 0) idle = 0
      disk.commit(8)
      await turns(2)
      if (disk.uses - before > mostUses) throw new Error('uses the disk without an end')
    }
  }
  const heal = () => {
    if (disk.ill.reads || disk.ill.writes) troubleAt = clock.elapsed()
    disk.ill.reads = false
    disk.ill.writes = false
  }
  let current = begin()

  const act = async (each: Step) => {
    switch (each.kind) {
      case 'arrive':
        for (let nth = 0; nth < each.many; nth++) {
          const [requestedAt, module] = [clock.now(), each.module + nth]
          const lives = { requestedAt, expiresAt: requestedAt + each.ttlMs }
          const item = anItem({ requestId: String(++lastId), syncModuleId: String(module), ...lives })
          current.life.add(item).catch(() => undefined)
        }
        return turns(1)
      case 'answer':
        checker.answer(each.which, each.how)
        return turns(1)
      case 'takeAll':
      case 'refuseAll':
        checker.answerAll(each.kind === 'takeAll' ? 'ack' : 'refuse')
        return turns(1)
      case 'commit':
        disk.commit(each.most)
        return turns(1)
      case 'pass':
        return clock.advance(each.ms)
      case 'jump':
        return clock.setWall(clock.now() + each.ms)
      case 'fail':
        disk.ill[each.what] = true
        return turns(1)
      case 'heal':
        return heal()
      case 'rest':
        await settle()
        if (disk.ill.reads || disk.ill.writes) troubleAt = clock.elapsed()
        return checker.rest(clock.elapsed() - troubleAt)
      case 'stop':
        current.stopping.abort(new Error('stopped'))
        await settle()
        await current.ended
        checker.nextLife()
        current = begin()
        return
      case 'kill':
        current.kill()
        checker.nextLife()
        current = begin()
        return
      case 'turn':
        return turns(1)
    }
  }
  for (const each of steps) {
    await act(each)
    checker.look()
    if (checker.broken.length > 0) return checker.broken
  }

  heal()
  for (let round = 0; round < 40 && (round < 4 || disk.rows().length > 0); round++) {
    checker.answerAll('ack')
    await settle()
    await clock.advance(5_000)
  }
  // Whoever was told to wait has waited by now.
  await clock.advance(minute)
  await settle()
  checker.rest(minute)
  const left = disk.rows().map(({ requestId }) => requestId)
  if (left.length > 0) checker.broken.push(`left for ever: ${left.join()}`)
  if (clock.sleeping > 10) checker.broken.push(`${clock.sleeping} waits are left over`)
  current.stopping.abort(new Error('stopped'))
  await settle()
  await current.ended
  return checker.broken
}
