/**
 * What programs read: `/healthz`, `/readyz`, `/metrics` and `/api/v1/status`.
 *
 * The first two need no password and say nothing of accounts and modules. An account that needs a sign-in, a pause
 * that the cloud asked for and a broker that is away again are `degraded` and still 200: whoever restarts a program
 * that is not ready would not mend them, and the cloud would see one more start.
 */
import type { Clock } from '../domain/clock.ts'
import type { Health, Message, ModuleKey, ModuleSnapshot } from '../domain/model.ts'
import type { StatusReader } from '../domain/ports.ts'
import { ids, json } from '../domain/text.ts'
import { responseData } from '../topics/commands.ts'
import { moduleIdentity, moduleProgress } from '../topics/state-topics.ts'
import { topicsBelow } from '../topics/topics.ts'
import type { WebApp } from './context.ts'
import { isFromThisMachine } from './guard.ts'
import type { Metrics } from './metrics.ts'

const encoder = new TextEncoder()
const uncached = { 'cache-control': 'no-store' }

/** The routes that need no password. */
export function probes(app: WebApp, status: Pick<StatusReader, 'health'>): void {
  app.get('/healthz', (c) => c.text('ok\n', 200, uncached))
  app.get('/readyz', async (c) => {
    const readiness = readinessOf(await status.health())
    return c.json(readiness, readiness.status === 'not_ready' ? 503 : 200, uncached)
  })
}

interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready'
  /** What is not as it should be, in words of the states. */
  readonly reasons: readonly string[]
}

function readinessOf({ store, broker, accounts }: Health): Readiness {
  const missing = [
    ...(store.state === 'ok' ? [] : ['store']),
    // The version of a connection that stood once.
    ...(broker.protocol === undefined ? ['broker_never_connected'] : []),
  ]
  const troubles = [
    ...(broker.connected || broker.protocol === undefined ? [] : ['broker_away']),
    ...(accounts.length === 0 ? ['no_account'] : []),
    ...new Set(accounts.map((account) => account.status).filter((word) => word !== 'ok')),
  ]
  const reasons = [...missing, ...troubles]
  if (missing.length > 0) return { status: 'not_ready', reasons }
  return { status: troubles.length > 0 ? 'degraded' : 'ready', reasons }
}

/** `/metrics`, without a password: Prometheus has none. */
export function metricsRoute(app: WebApp, metrics: Metrics, readers: 'loopback' | 'all'): void {
  app.get('/metrics', async (c) => {
    if (readers === 'loopback' && !isFromThisMachine(c)) {
      return c.text('Metrics are for this machine only; web.metrics can change that.\n', 403)
    }
    return c.body(await metrics.text(), 200, { ...uncached, 'content-type': metrics.contentType })
  })
}

export interface StatusNeeds {
  readonly status: Pick<StatusReader, 'health' | 'moduleKeys' | 'module'>
  readonly clock: Pick<Clock, 'now'>
}

/** `/api/v1/status`: the documents of the retained topics, in one. */
export function statusRoute(app: WebApp, { status, clock }: StatusNeeds): void {
  app.get('/api/v1/status', async (c) => {
    const health = json(responseData({ verb: 'health', health: await status.health() }))
    const keys = await status.moduleKeys()

    /** Module by module, since those of a fleet are many. */
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield encoder.encode(`{"schema":1,"health":${health},"modules":[`)
      let separator = '\n'
      for (const key of keys) {
        const snapshot = await status.module(key)
        if (!snapshot) continue
        yield encoder.encode(separator + moduleDocument(key, snapshot, clock.now()))
        separator = ',\n'
      }
      yield encoder.encode(']}\n')
    }
    return c.body(ReadableStream.from(pieces()), 200, { ...uncached, 'content-type': 'application/json' })
  })
}

const topics = topicsBelow('')

/** The module's ids, and each of its retained topics by its last part. */
function moduleDocument(key: ModuleKey, snapshot: ModuleSnapshot, now: number): string {
  const stem = `${topics.module(key)}/`
  const messages = [
    ...moduleIdentity(topics, snapshot),
    ...moduleProgress(topics, snapshot, { now, everything: true, expired: false }),
  ]
  const fields = messages.map(
    (message) => `${JSON.stringify(message.topic.slice(stem.length))}:${jsonOf(message)}`,
  )
  return `${json(ids(key)).slice(0, -1)},${fields.join(',')}}`
}

/** A topic that is cleared is `null`. */
function jsonOf({ payload, json: isJson }: Message): string {
  if (payload === '') return 'null'
  return isJson ? payload : JSON.stringify(payload)
}
