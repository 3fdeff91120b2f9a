/**
 * One command at a time for each sync module, whoever sends it.
 *
 * A module is not an account's own: a family that shares a home sees it in several accounts, and a list may name it
 * in two networks. So the lock goes by the module's id alone, over all accounts of the installation. It is held from
 * before a command is sent until its answer is here or it has failed.
 */
import { unlessAborted } from '../domain/clock.ts'
import type { BlinkId } from '../domain/model.ts'

export interface ModuleLock {
  /**
   * Does the work when no other holds this sync module; those who wait come in their order.
   *
   * @throws the signal's reason when aborted before that, with nothing done
   */
  hold<T>(syncModuleId: BlinkId, work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/** Locks for the sync modules that this process sends commands to. */
export function createModuleLock(): ModuleLock {
  /** When the last of those who hold or wait is done, by the module's id. */
  const ends = new Map<BlinkId, Promise<void>>()
  return {
    async hold(syncModuleId, work, signal) {
      const before = ends.get(syncModuleId)
      const { promise: done, resolve } = Promise.withResolvers<void>()
      // Who gives up waiting does not let the next one past the holder.
      const end = before ? before.then(() => done) : done
      ends.set(syncModuleId, end)
      void end.then(() => {
        if (ends.get(syncModuleId) === end) ends.delete(syncModuleId)
      })
      try {
        if (before) await unlessAborted(before, signal)
        return await work()
      } finally {
        resolve()
      }
    },
  }
}
