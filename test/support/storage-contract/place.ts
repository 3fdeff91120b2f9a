/** A place where storage is kept, as the contract needs it, and what it reads of the storage there. */
import { onTestFinished } from 'vitest'
import type { WorkItem } from '../../../src/domain/model.ts'
import type { Storage } from '../../../src/domain/ports.ts'
import { type FakeClock, fakeClock } from '../fake-clock.ts'
import { anItem, requested } from '../samples.ts'

/** Where one storage is kept. */
export interface StoragePlace {
  open(clock: FakeClock): Promise<Storage>
  /** From now on every write fails, and what is open can still be read as far as it can be without its place. */
  refuseWrites(): void
  acceptWrites(): void
}

/** Storage of one place, which can be opened again. */
export async function opened(place: StoragePlace) {
  const clock = fakeClock()
  let storage = await place.open(clock)
  onTestFinished(() => storage.close())
  return {
    clock,
    place,
    get storage() {
      return storage
    },
    async reopen() {
      await storage.close()
      storage = await place.open(clock)
      return storage
    },
  }
}

export const inOutbox = async ({ outbox }: Storage, limit = 10_000, except: readonly string[] = []) =>
  (await outbox.waiting(limit, except)).map(({ seq, event }) => ({ seq, item: event.body }))
export const idsIn = async (storage: Storage, limit?: number, except?: readonly string[]) =>
  (await inOutbox(storage, limit, except)).map(({ item }) => item.requestId)
export const numbersIn = async (storage: Storage) => (await inOutbox(storage)).map(({ seq }) => seq)

export const add = (storage: Storage, differing: Partial<WorkItem>) =>
  storage.ledger.record(requested(anItem(differing)))
export async function addAll(storage: Storage, ...requestIds: readonly string[]) {
  for (const requestId of requestIds) await add(storage, { requestId })
}
