/**
 * What the log says about runs and requests: an observer like any other.
 */
import type { Clock } from '../domain/clock.ts'
import type { Log, Observer } from '../domain/ports.ts'
import { commandLines, ThrottledLog } from '../domain/throttled-log.ts'

/** One line at `info` for each run; the rest at `debug`. */
export function runLog(clock: Clock, log: Log): Observer {
  const throttled = new ThrottledLog(clock, log)
  /** Requests since the start, by account and by what was requested with which result. */
  const requests = new Map<string, Map<string, number>>()

  return {
    requestFinished({ account, kind, status, errorCode }) {
      const counts = requests.get(account) ?? new Map<string, number>()
      requests.set(account, counts)
      const name = `${kind} ${status ?? errorCode ?? 'NO_CODE'}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    moduleFinished(report, { tickId }) {
      const { accountId, networkId, syncModuleId } = report.module
      const ids = { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId, run: tickId }
      if (report.kind === 'requested') {
        const fields = { ...ids, request_id: report.item.requestId, ms: report.latencyMs }
        log.debug(fields, 'manifest requested')
      } else if (report.kind === 'failed') {
        const { code, message, httpStatus, bodyCode } = report.failure
        const fields = {
          outcome: report.outcome,
          code,
          detail: message,
          status: httpStatus,
          body_code: bodyCode,
        }
        log.debug({ ...ids, ...fields }, 'manifest request failed')
      }
    },
    accountRunFinished({ accountId, run, budget }) {
      const counts = Object.fromEntries([...(requests.get(accountId) ?? [])].sort())
      const fields = { account_id: accountId, run: run.tickId, requests: counts }
      log.debug({ ...fields, today: budget.spent, budget: budget.limit }, 'requests so far')
    },
    runFinished({ tickId, trigger }, { requested, failed, skipped, elapsedMs }) {
      const duration = Math.round(elapsedMs)
      const fields = { run: tickId, trigger, requested, failed, skipped, duration_ms: duration }
      if (trigger === 'command') throttled.log('info', fields, 'run done', { rate: commandLines })
      else log.info(fields, 'run done')
    },
    eventsExpired(kind, count) {
      log.warn({ kind, count }, 'events expired before the broker took them')
    },
  }
}
