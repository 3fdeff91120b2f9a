/** Metrics over parts in the test's hand, and what a scrape shows of them. */
import type { AccountSnapshot, DurableEvent, Health, ModuleSnapshot } from '../../src/domain/model.ts'
import { keyOf } from '../../src/domain/model.ts'
import type { StoredEvent } from '../../src/domain/ports.ts'
import { openMetrics } from '../../src/web/metrics.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { start } from './samples.ts'

export interface MetricsFixture {
  readonly metrics: ReturnType<typeof openMetrics>
  readonly clock: FakeClock
  /** What can be read at the next scrape. */
  readonly state: {
    health: Health
    modules: readonly ModuleSnapshot[]
    waiting: readonly DurableEvent[]
    limits: readonly { readonly isOpen: boolean; readonly spent: number; readonly limit: number }[]
    free: Readonly<Record<string, number>>
    /** Thrown by every read of the disk. */
    trouble: Error | undefined
    /** How often a module was read. */
    reads: number
  }
  /** An event enters the outbox. */
  arrive(event: DurableEvent): void
  /** The samples of a scrape: `name{labels}` without the prefix, and the value. */
  samples(): Promise<Readonly<Record<string, number>>>
}

export function healthOf(accounts: readonly AccountSnapshot[] = []): Health {
  return {
    version: '1.2.3',
    uptimeMs: 60_000,
    nextRunAt: start + 300_000,
    broker: { connected: true, protocol: 5, since: start, lastError: undefined, reconnects: 0 },
    accounts,
    store: { state: 'ok', detail: undefined },
    modules: 1,
    waiting: 0,
  }
}

export function metricsFixture({ perModule = false, readMs = 0 } = {}): MetricsFixture {
  const clock = fakeClock()
  const listeners = new Set<(added: StoredEvent) => void>()
  const state: MetricsFixture['state'] = {
    health: healthOf(),
    modules: [],
    waiting: [],
    limits: [],
    free: {},
    trouble: undefined,
    reads: 0,
  }
  const readable = <T>(value: T) => {
    if (state.trouble) throw state.trouble
    return value
  }
  const metrics = openMetrics({
    version: '1.2.3',
    perModule,
    shared: { accountsInWork: () => 3, holdsBridge: () => true },
    status: {
      health: async () => state.health,
      moduleKeys: async () => readable(state.modules).map(({ record }) => record.module),
      async module(key) {
        state.reads++
        await clock.advance(readMs)
        return readable(state.modules).find(({ record }) => keyOf(record.module) === keyOf(key))
      },
    },
    limits: () =>
      state.limits.map(({ isOpen, spent, limit }) => ({
        accountId: '8021',
        breaker: { isOpen, pause: undefined, close: async () => undefined, adopt: async () => undefined },
        budget: { spent, limit },
      })),
    outbox: {
      waiting: async (limit) =>
        readable(state.waiting)
          .slice(0, limit)
          .map((event, seq) => ({ seq, event })),
      onArrival(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    diskFree: async () => state.free,
    clock,
  })
  return {
    metrics,
    clock,
    state,
    arrive(event) {
      for (const listener of listeners) listener({ seq: 1, event })
    },
    async samples() {
      const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
      return Object.fromEntries(
        lines.map((line) => {
          const [, name = '', value] = /^blink_manifestd_(.+) (\S+)$/.exec(line) ?? []
          return [name, Number(value)]
        }),
      )
    },
  }
}
