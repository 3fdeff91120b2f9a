/**
 * Every way in which the cloud's answers can go wrong, at every call, each at a home of its own, all at the same
 * time under one daemon; the tests then read what was published of each and what the cloud was asked.
 */
import { afterAll, beforeAll, expect } from 'vitest'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import type { Misbehaviour } from '../../src/simulator/fault.ts'
import type { Call } from '../../src/simulator/server.ts'
import { document, fast, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import type { Observer } from '../support/observer.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

type Place = 'manifest' | 'homescreen' | 'token'

const elsewhere = 'http://127.0.0.1:9/elsewhere'

/** What goes wrong, and the outcome of a module whose manifest request it happens to. */
const faults: readonly (readonly [string, Misbehaviour, string])[] = [
  ['a connection reset before the request was read', { kind: 'reset_before' }, 'unknown'],
  ['a connection reset after the request was done', { kind: 'reset_after' }, 'unknown'],
  ['no answer at all', { kind: 'hang' }, 'unknown'],
  ['an answer a byte at a time', { kind: 'drip', everyMs: 5_000 }, 'unknown'],
  ['an answer cut short', { kind: 'truncated' }, 'unknown'],
  ['bytes that are no HTTP', { kind: 'garbage_http' }, 'unknown'],
  ['a gzip bomb', { kind: 'gzip_bomb', megabytes: 64 }, 'unknown'],
  ['an endless answer', { kind: 'huge', megabytes: 32 }, 'unknown'],
  ['a redirect loop', { kind: 'redirect_loop' }, 'error'],
  ['a redirect to a foreign host', { kind: 'redirect', status: 307, location: elsewhere }, 'error'],
  ['a page for people', { kind: 'html' }, 'unknown'],
  ['an answer of another shape', { kind: 'wrong_type' }, 'unknown'],
  ['trouble inside the cloud', { kind: 'status', status: 503 }, 'unknown'],
]

const paths: Readonly<Record<Place, string>> = {
  manifest: 'manifest/request',
  homescreen: '/homescreen',
  token: '/oauth/token',
}

const places: readonly Place[] = ['manifest', 'homescreen', 'token']

const rows = places.flatMap((place) =>
  faults.map(([what, misbehaviour, outcome]) => ({ place, what, misbehaviour, outcome })),
)

/** Refreshes whose answers are lost after the old token has died: the truth is that a person must sign in. */
const fatal: readonly Misbehaviour['kind'][] = ['reset_after', 'drip', 'truncated']

const idOf = (index: number) => 8_100 + index
const accountTopic = (index: number) => `blink-manifestd/account/${idOf(index)}/state`
const moduleStem = (index: number) =>
  `blink-manifestd/sync/${idOf(index)}/${44_000 + index}/${350_000 + index}`

function house(index: number): AccountSpec {
  const [id, networkId] = [350_000 + index, 44_000 + index]
  return {
    id: idOf(index),
    region: 'e008',
    networks: [{ id: networkId, name: 'Home' }],
    modules: [{ id, networkId, name: 'Hall' }],
  }
}

const stage = new AsyncDisposableStack()
let world: World
let observer: Observer
let daemon: Program

beforeAll(async () => {
  const accounts = rows.map((_, index) => house(index))
  world = stage.use(await startWorld({ simulator: { manifestSeconds: 0, accounts } }))
  observer = await world.observer()
  const BLINK_TOKENS = accounts.map(({ id }) => world.cloud.tokens(id)).join('\n')
  daemon = world.start(['run'], {
    ...fast,
    // Many accounts, and too little time for a second try within a run, which would hide a fault.
    SCHEDULE_CRON: '*/2 * * * * *',
    BLINK_TOKENS,
    // A good answer must come in time, also on a machine that is busy with other things.
    BLINK_TIMEOUT_SECONDS: '20',
    HOME_ASSISTANT_ENABLED: 'false',
    BLINK_CONCURRENCY: '128',
  })
  const all = (look: (index: number) => boolean) => rows.every((_, index) => look(index))
  const outcome = (index: number) => document(observer.latest(`${moduleStem(index)}/state`))?.last_outcome
  const status = (index: number) => document(observer.latest(accountTopic(index)))?.state
  await until('a good run', () => all((index) => outcome(index) === 'requested'), { state: daemon.stderr })

  for (const [index, { place, misbehaviour }] of rows.entries()) {
    if (place === 'token') world.cloud.expireAccessTokens(idOf(index))
    world.cloud.misbehave({ ...misbehaviour, path: paths[place], accountId: idOf(index), count: 1 })
  }
  await until('the faults', () => world.cloud.faults.length === 0, { state: daemon.stderr })
  const bad = new Set<number>()
  await until('what is published', () => {
    for (const index of rows.keys()) {
      const isShown =
        rows[index]?.place === 'manifest' ? outcome(index) !== 'requested' : status(index) !== 'ok'
      if (isShown || failures(index).length > 0) bad.add(index)
    }
    return bad.size === rows.length
  })
  const end = (index: number) => {
    const { place, misbehaviour } = rows[index] ?? {}
    return place === 'token' && misbehaviour && fatal.includes(misbehaviour.kind) ? 'login_required' : 'ok'
  }
  await until('the end of each fault', () => all((index) => status(index) === end(index)), {
    state: daemon.stderr,
  })
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', ticks + 2)
  await daemon.stop()
  // What the broker did not take in time is delivered by the next one.
  const next = world.start(['run'], { BLINK_TOKENS, SCHEDULE_CRON: '0 0 1 1 *', SCHEDULE_ON_START: 'false' })
  await until('all items', () => all((index) => posts(index).length - items(index) <= 2), {
    state: next.stderr,
  })
  await next.stop()
})

afterAll(() => stage.disposeAsync())

/** The events that tell of a failed request for the home's module. */
function failures(index: number): readonly Record<string, unknown>[] {
  return observer
    .on('/event')
    .filter(({ topic }) => topic === `${moduleStem(index)}/event`)
    .map(document)
    .filter(({ event_type }) => event_type === 'manifest_request_failed')
}

function posts(index: number): readonly Call[] {
  return world.cloud.calls.filter(
    ({ kind, accountId }) => kind === 'manifest-request' && accountId === idOf(index),
  )
}

function items(index: number): number {
  return workItems(observer).filter(({ account_id }) => account_id === idOf(index)).length
}

/** The states a home's account went through; the retained topic holds the last and may pass over short ones. */
function states(index: number): readonly unknown[] {
  const changes = daemon
    .logged()
    .filter(({ account_id, state }) => account_id === String(idOf(index)) && state)
  const all = ['ok', ...changes.map(({ state }) => state)]
  expect(document(observer.latest(accountTopic(index))).state).toBe(all.at(-1))
  return all
}

for (const [index, { place, what, misbehaviour, outcome }] of rows.entries()) {
  if (place === 'manifest') {
    mosquittoTest(`${what}, to a manifest request: ${outcome}, not repeated`, async () => {
      expect(failures(index)).toMatchObject([{ outcome, attempt: 1 }])
      // Each request is one that was answered, or the one that was spoiled; the last may have been cut by the stop.
      expect(posts(index).length - items(index)).toBeGreaterThanOrEqual(1)
      expect(posts(index).length - items(index)).toBeLessThanOrEqual(2)
      expect(posts(index).filter(({ fault }) => fault).length).toBe(1)
      expect(states(index)).toEqual(['ok'])
    })
  } else if (place === 'token' && fatal.includes(misbehaviour.kind)) {
    mosquittoTest(`${what}, to a token refresh: a sign-in is needed`, async () => {
      // In the middle of a tick it is the module's trouble first, and the account's at the next.
      expect(['ok,unreachable,login_required', 'ok,login_required']).toContain(states(index).join())
      const calls = world.cloud.calls.filter(
        ({ accountId, kind }) => accountId === idOf(index) && kind !== 'token',
      )
      const refused = document(observer.latest(accountTopic(index))).since
      expect(calls.filter(({ at }) => at > Date.parse(String(refused)))).toEqual([])
    })
  } else {
    const name = place === 'token' ? 'a token refresh' : 'a home screen'
    mosquittoTest(`${what}, to ${name}: unreachable, then fine`, async () => {
      const inMidTick = place === 'token' && failures(index)[0]?.attempt === 1
      expect(states(index)).toEqual(inMidTick ? ['ok'] : ['ok', 'unreachable', 'ok'])
      expect(failures(index).length).toBe(1)
      expect(failures(index)[0]?.outcome).toMatch(/^(unreachable|error)$/)
      expect(posts(index).every(({ fault }) => fault === undefined)).toBe(true)
    })
  }
}

mosquittoTest('no message or log line holds a secret, and no log line an answer', async () => {
  const said = daemon.stderr() + daemon.stdout() + observer.seen.map(({ payload }) => payload).join('\n')

  // No sign-in with a password, whatever became of a refresh.
  const kinds = new Set(world.cloud.calls.map(({ kind }) => kind))
  expect(kinds).toEqual(new Set(['token', 'homescreen', 'manifest-request']))
  expect(said).not.toMatch(/sim-(access|refresh)-/)
  expect(said).not.toContain('not the protocol you are looking for')
  expect(said).not.toContain('<html')
  expect(daemon.logged().filter(({ level }) => level === 60)).toEqual([])
})
