/** The judge of the fleet's trial: what it must call a failure, and what it must not. */
import { expect, test } from 'vitest'
import type { Call } from '../../../src/simulator/server.ts'
import { latenessOf, runsOf, takeoversOf } from '../../fleet/figures.ts'
import type { Life, Trouble } from '../../fleet/instances.ts'
import type { Item } from '../../fleet/subscriber.ts'
import { judge, type Records } from '../../fleet/verdict.ts'

const run = Date.parse('2026-11-23T09:00:00.000Z')
const tickId = '2026-11-23T09:00:00.000Z'

/** A request of an instance, so long after the run, that took 100 ms. */
function call(instance: number, afterMs: number, more: Partial<Call> = {}): Call {
  const at = run + afterMs
  return {
    ...{ at, endedAt: at + 100, method: 'POST', kind: 'manifest-request', status: 200, accountId: 10_001 },
    path: '/rest-e008/api/v1/accounts/10001/networks/1/sync_modules/7/local_storage/manifest/request',
    host: `127.0.0.${instance + 2}:8080`,
    ...more,
  }
}

function item(id: number, more: Partial<Item> = {}): Item {
  const what = { eventId: `event of ${id}`, tickId, trigger: 'schedule', requestedAt: run }
  return { at: run + 200, account: 10_001, module: 7, id, ...what, ...more }
}

function life(instance: number, end: Life['end'], endedAfterMs: number): Life {
  return {
    ...{ instance, end, startedAt: run - 60_000, endedAt: run + endedAfterMs, skewMs: 0, log: '' },
    ...{ moment: undefined, exitCode: end === 'stopped' ? 0 : null, hasStarted: true, stopMs: undefined },
  }
}

function failuresOf(records: Partial<Records>): readonly string[] {
  const none = { calls: [], lives: [], troubles: [], items: [], failed: [], throttles: [], pauses: [] }
  return judge({ ...none, signedOut: new Set(), storedWithinMs: 3_000, ...records }).failures
}

test('an id that was published once is no failure, and nor is a copy with its event id', () => {
  const calls = [call(0, 0, { commandId: 1 })]

  expect(failuresOf({ calls, items: [item(1)] })).toEqual([])
  expect(failuresOf({ calls, items: [item(1), item(1)] })).toEqual([])
})

test('an id that nobody published is lost, unless its instance could not keep it', () => {
  const calls = [call(0, 0, { commandId: 1 })]
  const away = (kind: Trouble['kind'], instance?: number): Trouble => ({
    ...{ kind, instance, from: run + 50, until: run + 5_000 },
  })

  expect(failuresOf({ calls })).toEqual([expect.stringContaining('id 1 of the request of module 7')])
  expect(failuresOf({ calls, lives: [life(0, 'killed', 150)] })).toEqual([])
  expect(failuresOf({ calls, lives: [life(1, 'killed', 150)] })).toHaveLength(1)
  expect(failuresOf({ calls, troubles: [away('frozen', 0)] })).toEqual([])
  expect(failuresOf({ calls, troubles: [away('store')] })).toEqual([])
  expect(failuresOf({ calls, troubles: [away('broker', 0)] })).toHaveLength(1)
  expect(failuresOf({ calls: [call(0, 0, { commandId: 1, status: 0, fault: 'reset_after' })] })).toEqual([])
})

test('two event ids for one id, and an id from nowhere, are failures', () => {
  const calls = [call(0, 0, { commandId: 1 })]

  expect(failuresOf({ calls, items: [item(1), item(1, { eventId: 'another' })] })).toEqual([
    'id 1 was published with 2 event ids',
  ])
  expect(failuresOf({ items: [item(2)] })).toEqual(['id 2 was published, and the cloud never gave it'])
})

test('two instances that request of one account at the same time are a failure', () => {
  const long = { endedAt: run + 1_000, commandId: 1 }
  const items = [item(1), item(2, { module: 8 })]

  const overlapping = [call(0, 0, long), call(1, 500, { commandId: 2 })]
  expect(failuresOf({ calls: overlapping, items })).toEqual([expect.stringContaining('account 10001')])
  expect(failuresOf({ calls: [call(0, 0, long), call(0, 500, { commandId: 2 })], items })).toEqual([])
  expect(failuresOf({ calls: [call(0, 0, long), call(1, 1_050, { commandId: 2 })], items })).toEqual([])
  // Its request ended with it, whatever the cloud thought.
  expect(failuresOf({ calls: overlapping, items, lives: [life(0, 'killed', 400)] })).toEqual([])
})

test('a module has one id in a run, and none after a request that may have been done', () => {
  const calls = [call(0, 0, { commandId: 1 }), call(0, 500, { commandId: 2 })]
  const unknown = { module: 7, tickId, trigger: 'schedule', outcome: 'unknown' }

  expect(failuresOf({ calls, items: [item(1), item(2)] })).toEqual([expect.stringContaining('has ids 1, 2')])
  expect(failuresOf({ calls, items: [item(1), item(2, { trigger: 'command' })] })).toEqual([])
  expect(failuresOf({ calls: calls.slice(1), items: [item(2)], failed: [unknown] })).toEqual([
    expect.stringContaining('was unknown, and has id 2 as well'),
  ])
})

test('the ids of a module come in the order in which they were given', () => {
  const calls = [call(0, 0, { commandId: 1 }), call(0, 500, { commandId: 2 })]
  const later = { tickId: '2026-11-23T09:00:10.000Z' }

  expect(failuresOf({ calls, items: [item(2, later), item(1)] })).toEqual(['module 7: id 2 came before 1'])
  expect(failuresOf({ calls, items: [item(1), item(2, later), item(1)] })).toEqual([])
})

test('an instance that comes to again goes on with no run that another has taken over', () => {
  const troubles: Trouble[] = [{ kind: 'frozen', instance: 0, from: run, until: run + 30_000 }]
  const items = [item(1), item(2, { module: 8, tickId: 'later' })]
  const home = { kind: 'homescreen', method: 'GET' }
  const taken = call(1, 20_000, { commandId: 1 })

  expect(failuresOf({ troubles, items, calls: [taken, call(0, 30_010, { commandId: 2 })] })).toEqual([
    expect.stringContaining('after a freeze'),
  ])
  expect(
    failuresOf({ troubles, items, calls: [taken, call(0, 30_010, home), call(0, 30_200, { commandId: 2 })] }),
  ).toEqual([])
})

test('no instance requests within a pause that the cloud has named', () => {
  const throttles = [{ account: 10_001, pauseMs: 20_000, from: run }]
  const refused = call(0, 0, { status: 429 })
  const home = (instance: number, afterMs: number) => call(instance, afterMs, { kind: 'homescreen' })

  expect(failuresOf({ throttles, calls: [refused, home(1, 19_000)] })).toEqual([
    expect.stringContaining('within the pause'),
  ])
  expect(failuresOf({ throttles, calls: [refused, home(1, 20_200)] })).toEqual([])
  expect(
    failuresOf({ throttles, calls: [refused, home(1, 19_000)], lives: [life(0, 'killed', 300)] }),
  ).toEqual([])
  // Its clock has passed the end of the pause.
  const ahead = { ...life(1, 'running', 90_000), skewMs: 5_000 }
  expect(failuresOf({ throttles, calls: [refused, home(1, 19_000)], lives: [ahead] })).toEqual([])
  expect(failuresOf({ throttles, calls: [refused, home(1, 14_000)], lives: [ahead] })).toHaveLength(1)
})

test('no instance requests before the time that was published, but by a clock that is ahead', () => {
  const pauses = [{ account: 10_001, at: run, until: run + 300_000 }]
  const home = call(1, 200_000, { kind: 'homescreen' })
  const ahead = { ...life(1, 'running', 400_000), skewMs: 110_000 }

  expect(failuresOf({ pauses, calls: [home] })).toEqual([expect.stringContaining('to be left alone until')])
  expect(failuresOf({ pauses, calls: [call(1, 300_000, { kind: 'homescreen' })] })).toEqual([])
  expect(failuresOf({ pauses, calls: [home], lives: [ahead] })).toEqual([])
})

test('a token may be lost with the instance that received it, and is tried once more', () => {
  const token = { kind: 'token', path: '/oauth/token' }
  const renewal = call(0, 0, token)
  const { accountId: _, ...nobody } = call(1, 30_000, { ...token, status: 400 })
  const signedOut = new Set([10_001])
  const lives = [life(0, 'killed', 200)]

  expect(failuresOf({ calls: [renewal, nobody], signedOut, lives })).toEqual([])
  expect(failuresOf({ calls: [renewal, nobody], signedOut })).toEqual([
    expect.stringContaining('nothing was wrong'),
  ])
  expect(failuresOf({ calls: [renewal, nobody, nobody, nobody], signedOut, lives })).toEqual([
    expect.stringContaining('3 tries with used refresh tokens'),
  ])
})

test('an instance that ends by itself, or with an error when it is stopped, is a failure', () => {
  expect(failuresOf({ lives: [life(0, 'killed', 0), life(1, 'stopped', 0)] })).toEqual([])
  expect(failuresOf({ lives: [{ ...life(0, 'crashed', 0), exitCode: 1 }] })).toHaveLength(1)
  const stopped = (exitCode: number | null, hasStarted: boolean) =>
    failuresOf({ lives: [{ ...life(0, 'stopped', 0), exitCode, hasStarted }] })
  expect([stopped(75, true), stopped(null, true), stopped(1, false)].flat()).toHaveLength(3)
  expect([stopped(75, false), stopped(null, false)].flat()).toEqual([])
})

test('lateness counts from the run, or from its first request where a clock is ahead', () => {
  const calls = [call(0, 40, { commandId: 1 }), call(1, 300, { commandId: 2 })]
  const items = [item(1), item(2, { account: 10_002 })]
  const ahead = calls.map((one) => ({ ...one, at: one.at - 90_000 }))

  expect(latenessOf({ calls, items })).toEqual([40, 300])
  expect(latenessOf({ calls: ahead, items })).toEqual([0, 260])
  expect(runsOf({ calls, items }, { accounts: 3, until: run + 1_000 })).toEqual({
    seen: 1,
    accountRuns: 2,
    due: 3,
  })
})

test('a takeover lasts from the kill to the next request for an account in work', () => {
  const out = call(0, 0, { endedAt: run + 90 })
  const lives = [life(0, 'killed', 90)]

  expect(takeoversOf([out, call(1, 20_090)], { lives })).toEqual([20_000])
  // Its run was over: nobody had to take over.
  expect(takeoversOf([call(0, -5_000), call(1, 20_090)], { lives })).toEqual([])
})
