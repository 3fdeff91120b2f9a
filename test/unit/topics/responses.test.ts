/** The data of responses to commands. */
import { expect, test } from 'vitest'
import type { Health } from '../../../src/domain/model.ts'
import { anyResponse } from '../../../src/topics/command-schemas.ts'
import { responseData } from '../../../src/topics/commands.ts'
import { issuesOf } from '../../support/contract.ts'
import { aModule, start } from '../../support/samples.ts'

const health: Health = {
  version: '1.2.3',
  uptimeMs: 61_400,
  nextRunAt: undefined,
  broker: { connected: false, protocol: undefined, since: start, lastError: 'refused', reconnects: 0 },
  accounts: [{ accountId: '8021', status: 'ok', since: start, detail: undefined, retryAt: undefined }],
  store: { state: 'failing', detail: 'cannot read state.db' },
  modules: undefined,
  waiting: undefined,
}
const fits = (data: unknown) => issuesOf(anyResponse, { transaction: null, status: 'ok', data })

test('health has the state of all parts, with null for what cannot be read', () => {
  const data = responseData({ verb: 'health', health })

  expect(data).toEqual({
    version: '1.2.3',
    uptime_s: 61,
    next_tick_at: null,
    mqtt: { connected: false, protocol: null, since: '2026-11-23T09:00:00.000Z', reconnects: 0 },
    accounts: [
      { account_id: 8021, state: 'ok', since: '2026-11-23T09:00:00.000Z', detail: null, retry_at: null },
    ],
    store: { state: 'failing', detail: 'cannot read state.db' },
    modules: null,
    waiting: null,
  })
  expect(fits(data)).toEqual([])
})

test('requests of a fleet are counted, and the first 200 listed', () => {
  const accepted = {
    requestId: '9007199254740993',
    trigger: 'command',
    requestedAt: start,
    expiresAt: start,
  } as const
  const result = { module: aModule(), outcome: 'requested', reused: true, accepted } as const
  const counts = { requested: 0, reused: 300, failed: 0, skipped: 0 }
  const modules = Array.from({ length: 300 }, () => result)

  const data = responseData({ verb: 'manifest/request', ...counts, retryAt: undefined, modules })

  expect(data).toMatchObject({ ...counts, retry_at: null })
  expect(data).toHaveProperty('modules.length', 200)
  expect(data).toHaveProperty('modules.0.request_id_str', '9007199254740993')
  expect(fits(data)).toEqual([])
})

test('pause, options and rescan have their counts and values', () => {
  const counts = { accounts: 1, modules: 2, found: 0, renamed: 0, gone: 0 }
  expect(responseData({ verb: 'pause', modules: 2, paused: true })).toEqual({ modules: 2, paused: true })
  expect(responseData({ verb: 'options', logLevel: 'debug' })).toEqual({ log_level: 'debug' })
  expect(responseData({ verb: 'rescan', ...counts })).toEqual(counts)
})
