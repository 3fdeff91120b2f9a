import { expect, test } from 'vitest'
import { Secret } from '../../../src/domain/secret.ts'
import { accountState, bridgeInfo } from '../../../src/topics/state-topics.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { start } from '../../support/samples.ts'

const topics = topicsBelow('blink-manifestd')
const info = {
  version: '0.1.0',
  installId: '0a1b2c3d',
  startedAt: start,
  nextTickAt: start + 300_000,
  settings: {},
  logLevel: 'info',
} as const

test('bridge/info has the version, the installation, the next run and the settings', () => {
  const message = bridgeInfo(topics, { ...info, settings: { request: { ttlSeconds: 600 } } })

  expect(message).toMatchObject({ topic: 'blink-manifestd/bridge/info', retain: true, json: true })
  expect(message).not.toHaveProperty('expirySeconds')
  expect(JSON.parse(message.payload)).toEqual({
    version: '0.1.0',
    schema: 1,
    install_id: '0a1b2c3d',
    started_at: '2026-11-23T09:00:00.000Z',
    next_tick_at: '2026-11-23T09:05:00.000Z',
    log_level: 'info',
    settings: { request: { ttlSeconds: 600 } },
  })
})

test('bridge/info without a next run has null', () => {
  const { payload } = bridgeInfo(topics, { ...info, nextTickAt: undefined })

  expect(payload).toContain('"next_tick_at":null')
})

test('a secret that got into the settings is not published', () => {
  const { payload } = bridgeInfo(topics, { ...info, settings: { mqtt: { password: new Secret('hush') } } })

  expect(payload).not.toContain('hush')
})

test('the state of an account has since when, why, and when it is tried again', () => {
  const message = accountState(topics, {
    accountId: '8021',
    status: 'throttled',
    since: start,
    detail: 'too many requests',
    retryAt: start + 300_000,
  })

  expect(message).toMatchObject({ topic: 'blink-manifestd/account/8021/state', retain: true, json: true })
  expect(message).not.toHaveProperty('expirySeconds')
  expect(JSON.parse(message.payload)).toEqual({
    state: 'throttled',
    since: '2026-11-23T09:00:00.000Z',
    detail: 'too many requests',
    retry_at: '2026-11-23T09:05:00.000Z',
  })
})

test('the state of an account that is `ok` has the same keys', () => {
  const { payload } = accountState(topics, {
    accountId: '8021',
    status: 'ok',
    since: start,
    detail: undefined,
    retryAt: undefined,
  })

  expect(JSON.parse(payload)).toEqual({
    state: 'ok',
    since: '2026-11-23T09:00:00.000Z',
    detail: null,
    retry_at: null,
  })
})
