/**
 * How many sync modules an account has, kept beside its login.
 *
 * The modules themselves are in the database, which a running daemon locks for itself; `accounts` must be able to
 * tell their number all the same. Every list of modules comes by here, whoever asked for it.
 */
import type { AccountCloud } from '../blink/client.ts'
import { StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import type { Logins } from '../storage/credentials.ts'

export interface ModuleCountNeeds {
  readonly loginKey: string
  readonly logins: Pick<Logins, 'moduleCount' | 'saveModuleCount'>
  readonly log: Log
}

/** The same cloud; a list whose length is another than the one on disk has its length written there. */
export async function countingModules(
  cloud: AccountCloud,
  { loginKey, logins, log }: ModuleCountNeeds,
): Promise<AccountCloud> {
  let kept = await logins.moduleCount(loginKey)
  let told = false

  async function keep(count: number, accountId: BlinkId | undefined): Promise<void> {
    try {
      await logins.saveModuleCount(loginKey, count, accountId)
      kept = count
      told = false
    } catch (error) {
      // For the eye only: no reason for a tick to fail, nor to say so at each of them.
      if (!(error instanceof StoreFailed)) throw error
      if (!told)
        log.warn({ login: loginKey, err: error }, 'the number of sync modules could not be kept on disk')
      told = true
    }
  }

  return {
    ...cloud,
    async discover(signal) {
      const modules = await cloud.discover(signal)
      // A list may name a module twice.
      const count = new Set(modules.map(keyOf)).size
      if (count !== kept) await keep(count, modules[0]?.accountId)
      return modules
    },
  }
}
