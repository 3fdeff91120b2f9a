/** A ledger in memory that keeps what the real one keeps, or refuses it as the test says. */
import { keyOf, type ModuleRecord, type ModuleReport, type SyncModule } from '../../src/domain/model.ts'
import { noProgress } from '../../src/domain/module-history.ts'
import type { Ledger } from '../../src/domain/ports.ts'
import { newRecord, recordAfter } from './samples.ts'

interface Options {
  /** Modules that are known from the beginning. */
  readonly known?: readonly SyncModule[]
  /** Why a report is not kept. */
  readonly refuses?: (report: ModuleReport) => Error | undefined
  /** Why nothing can be read. */
  readonly unreadable?: () => Error | undefined
}

export function memoryLedger({ known = [], refuses, unreadable }: Options = {}): Ledger {
  const records = new Map<string, ModuleRecord>(known.map((module) => [keyOf(module), newRecord(module)]))
  const checkReadable = () => {
    const error = unreadable?.()
    if (error) throw error
  }
  /** Modules of an account, or of all. */
  const modules = (accountId?: string) => {
    checkReadable()
    const all = [...records.values()].map(({ module }) => module)
    return accountId === undefined ? all : all.filter((module) => module.accountId === accountId)
  }
  const read = (key: Parameters<Ledger['read']>[0]) => {
    checkReadable()
    return records.get(keyOf(key))
  }
  return {
    trouble: undefined,
    modulesOf: async (accountId) => modules(accountId),
    async seen(_accountId, list) {
      for (const module of list) records.set(keyOf(module), records.get(keyOf(module)) ?? newRecord(module))
      return { found: [], renamed: [], altered: [], gone: [] }
    },
    async record(report) {
      const refusal = refuses?.(report)
      if (refusal) throw refusal
      const name = keyOf(report.module)
      const record = recordAfter(records.get(name) ?? newRecord(report.module), report)
      records.set(name, record)
      return record
    },
    read: async (key) => read(key),
    lastAccepted: async (key) => read(key)?.lastAccepted ?? noProgress.lastAccepted,
    keys: async (accountId) => modules(accountId),
    keysAndGone: async (accountId) => modules(accountId),
    count: async () => modules().length,
    forget: async (key) => void records.delete(keyOf(key)),
    nextExpiry: async () => undefined,
    deleteExpired: async () => [],
  }
}
