/**
 * The data of a response to a command: values in, a document out.
 */
import { iso } from '../domain/clock.ts'
import type { CommandData, ModuleResult } from '../domain/commands.ts'
import type { Health } from '../domain/model.ts'
import { ids, number, timeOrNull } from '../domain/text.ts'
import type * as wire from './schemas.ts'

/** Responses are for people and rules: a fleet's modules are counted, not all of them listed. */
const mostListed = 200

export function responseData(data: CommandData): wire.ResponseData {
  switch (data.verb) {
    case 'manifest/request': {
      const { verb: _verb, retryAt, modules, ...counts } = data
      const listed = modules.slice(0, mostListed).map(listedModule)
      return { ...counts, retry_at: timeOrNull(retryAt), modules: listed }
    }
    case 'rescan':
    case 'pause': {
      const { verb: _verb, ...counts } = data
      return counts
    }
    case 'options':
      return { log_level: data.logLevel }
    case 'health':
      return health(data.health)
  }
}

function listedModule({
  module,
  outcome,
  reused,
  accepted,
}: ModuleResult): wire.RequestResult['modules'][number] {
  return {
    ...ids(module),
    outcome,
    reused,
    request_id: accepted ? number(accepted.requestId) : null,
    request_id_str: accepted?.requestId ?? null,
    requested_at: timeOrNull(accepted?.requestedAt),
    expires_at: timeOrNull(accepted?.expiresAt),
  }
}

function health({ version, uptimeMs, nextRunAt, broker, accounts, ...rest }: Health): wire.Health {
  const { connected, protocol, since, reconnects } = broker
  const { store, modules, waiting } = rest
  return {
    version,
    uptime_s: Math.round(uptimeMs / 1000),
    next_tick_at: timeOrNull(nextRunAt),
    mqtt: { connected, protocol: protocol ?? null, since: iso(since), reconnects },
    accounts: accounts.map((account) => ({
      account_id: number(account.accountId),
      state: account.status,
      since: iso(account.since),
      detail: account.detail ?? null,
      retry_at: timeOrNull(account.retryAt),
    })),
    store: { state: store.state, detail: store.detail ?? null },
    modules: modules ?? null,
    waiting: waiting ?? null,
  }
}
