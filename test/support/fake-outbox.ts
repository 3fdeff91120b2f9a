/**
 * An outbox in memory, and a disk in the test's hand: writes wait in a row until they are let through, fail while it
 * is ill, and those that were not let through before a kill have never been.
 */
import { StoreFailed } from '../../src/domain/errors.ts'
import { type EventKind, keyOf, type WorkItem } from '../../src/domain/model.ts'
import type { Outbox, StoredEvent } from '../../src/domain/ports.ts'
import { manifestRequested } from '../../src/domain/work-item.ts'

/** One life of the program, as far as the disk is concerned. */
export interface DiskLife {
  readonly outbox: Outbox
  /** Stores an item and tells of it, as a tick does. */
  add(item: WorkItem): Promise<void>
  /** What it has not written by now is not written any more, and nothing reaches it. */
  kill(): void
}

export interface FakeDisk {
  open(): DiskLife
  /** Lets so many of the oldest writes through, which share a commit; then reads that wait are answered. */
  commit(most: number): void
  /** How many writes wait. */
  readonly queued: number
  /** How often it was read or written to. */
  readonly uses: number
  /** What is on it, whether it can be read by the program or not. */
  rows(): readonly WorkItem[]
  readonly ill: { reads: boolean; writes: boolean }
}

interface Write {
  readonly life: DiskLife
  readonly work: () => void
  readonly done: () => void
  readonly failed: () => void
}

/** Dead ones are looked for among so many of the oldest only, as by the real one. */
const lookedThrough = 20

const trouble = () => new StoreFailed('cannot use the disk', { remedy: 'Wait.' })

export interface FakeDiskOptions {
  /** Whether writes are let through by themselves, in the next turn of the event loop. */
  readonly eager: boolean
  /** Called after each change, before anyone is told of it. */
  readonly changed: () => void
}

export function fakeDisk({ eager, changed }: FakeDiskOptions): FakeDisk {
  const table = new Map<number, WorkItem>()
  const ill = { reads: false, writes: false }
  let queue: Write[] = []
  /** Reads that have seen the table and are not answered yet: later writes may overtake them. */
  const reads: (() => unknown)[] = []
  let lastSeq = 0
  let uses = 0

  function commit(most: number): void {
    const group = queue.splice(0, most)
    if (ill.writes) {
      for (const { failed } of group) failed()
      return
    }
    for (const { work } of group) {
      work()
      changed()
    }
    for (const { done } of group) done()
  }

  function answerReads(): void {
    for (const answer of reads.splice(0)) answer()
  }

  function open(): DiskLife {
    const listeners = new Set<(added: StoredEvent) => void>()
    let killed = false

    const write = <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (killed) return
        uses++
        let value: T
        const run = () => {
          value = work()
        }
        queue.push({ life, work: run, done: () => resolve(value), failed: () => reject(trouble()) })
        if (eager) setImmediate(() => commit(8))
      })

    const life: DiskLife = {
      outbox: {
        async waiting(limit, exceptKeys, exceptSeqs = []) {
          if (killed) return []
          uses++
          if (ill.reads) throw trouble()
          const [busy, done] = [new Set(exceptKeys), new Set(exceptSeqs)]
          const rows = [...table].filter(([seq, item]) => !busy.has(keyOf(item)) && !done.has(seq))
          // What a database server answers may be old when it arrives.
          await new Promise<void>((resolve) => {
            const answer = () => killed || resolve()
            if (eager) setImmediate(answer)
            else reads.push(answer)
          })
          return rows.slice(0, limit).map(([seq, item]) => ({ seq, event: manifestRequested(item) }))
        },
        async remove(seqs) {
          const numbers = [...seqs]
          await write(() => {
            for (const seq of numbers) table.delete(seq)
          })
        },
        sweep(now, spared) {
          return write(() => {
            const kept = new Set(spared)
            const oldest = [...table].filter(([seq]) => !kept.has(seq)).slice(0, lookedThrough)
            const dead = oldest.filter(([, { expiresAt }]) => expiresAt <= now)
            for (const [seq] of dead) table.delete(seq)
            return new Map<EventKind, number>([['manifest_requested', dead.length]])
          })
        },
        count: async () => table.size,
        onArrival(listener) {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      async add(item) {
        const seq = await write(() => {
          table.set(++lastSeq, item)
          return lastSeq
        })
        for (const listener of listeners) listener({ seq, event: manifestRequested(item) })
      },
      kill() {
        killed = true
        listeners.clear()
        queue = queue.filter((each) => each.life !== life)
      },
    }
    return life
  }

  return {
    open,
    commit(most) {
      commit(most)
      answerReads()
    },
    ill,
    rows: () => [...table.values()],
    get queued() {
      return queue.length + reads.length
    },
    get uses() {
      return uses
    },
  }
}
