/**
 * The cloud's bad weather: every kind of misbehaviour the simulator knows, on some or all of the requests.
 *
 * What makes a client keep quiet for minutes (429, 403, 406, the codes of the login limits) strikes one request of
 * one account and seldom, or after a while there would be nobody left to ask for anything.
 */
import type { Fault, FaultKind, FaultTarget, Misbehaviour } from '../../src/simulator/fault.ts'
import type { Chance } from './chance.ts'

const manifest = '/manifest/request'
const home = '/homescreen'
const token = '/oauth/token'
const throttleShare = 0.08

/** Such that a new kind of misbehaviour must find its place here. */
const usual: Readonly<Record<Exclude<FaultKind, 'edge'>, (chance: Chance) => Misbehaviour>> = {
  status: (chance) => ({
    kind: 'status',
    status: chance.pick([500, 502, 503, 504, 404, 408, 426]),
    ...(chance.happens(0.5) && { text: 'upstream connect error' }),
    ...(chance.happens(0.5) && { headers: { 'Retry-After': '1' } }),
  }),
  busy: () => ({ kind: 'busy' }),
  html: (chance) => ({ kind: 'html', status: chance.pick([200, 502]) }),
  wrong_type: (chance) => ({ kind: 'wrong_type', body: chance.pick([[], { id: 'x' }, { id: -1 }, null, 7]) }),
  truncated: () => ({ kind: 'truncated' }),
  reset_before: () => ({ kind: 'reset_before' }),
  reset_after: () => ({ kind: 'reset_after' }),
  lose_answer_of_refresh: () => ({ kind: 'lose_answer_of_refresh' }),
  hang: () => ({ kind: 'hang' }),
  drip: () => ({ kind: 'drip', everyMs: 5 }),
  slow: (chance) => ({ kind: 'slow', delayMs: chance.integer(100, 4_000) }),
  huge: () => ({ kind: 'huge', megabytes: 8 }),
  gzip_bomb: () => ({ kind: 'gzip_bomb', megabytes: 16 }),
  redirect: () => ({ kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' }),
  redirect_loop: () => ({ kind: 'redirect_loop' }),
  garbage_http: () => ({ kind: 'garbage_http' }),
}

/** One or two misbehaviours for the next seconds. */
export function badWeather(chance: Chance, accounts: readonly number[]): readonly Fault[] {
  const throttle = chance.happens(throttleShare) ? [throttling(chance, accounts)] : []
  const many = chance.integer(1, 2)
  return [...throttle, ...Array.from({ length: many }, () => usually(chance, accounts))]
}

function usually(chance: Chance, accounts: readonly number[]): Fault {
  const misbehaviour = chance.pick(Object.values(usual))(chance)
  const one = chance.happens(0.4) ? { accountId: chance.pick(accounts) } : {}
  const often = { probability: chance.pick([0.2, 0.5, 1]) }
  if (misbehaviour.kind === 'busy') return { ...misbehaviour, path: manifest, ...one, ...often }
  // A login that is lost waits for a person: one is enough.
  if (misbehaviour.kind === 'lose_answer_of_refresh') return { ...misbehaviour, count: 1 }
  const path = chance.pick([manifest, manifest, manifest, home, home, token, undefined])
  return { ...misbehaviour, ...one, ...often, ...(path && { path }) }
}

function throttling(chance: Chance, accounts: readonly number[]): Fault {
  const target: FaultTarget = {
    accountId: chance.pick(accounts),
    path: chance.pick([manifest, manifest, home]),
    count: 1,
  }
  const seconds = { 'Retry-After': String(chance.integer(1, 5)) }
  const misbehaviour = chance.pick<Misbehaviour>([
    { kind: 'status', status: 429, headers: seconds },
    { kind: 'status', status: 429, text: 'slow down', headers: seconds },
    { kind: 'edge', status: 403 },
    { kind: 'edge', status: 406 },
    { kind: 'status', status: 429, body: { code: 111, message: 'Too many requests' }, headers: seconds },
    { kind: 'status', status: 429, body: { code: 106, message: 'Too many logins' } },
  ])
  return { ...misbehaviour, ...target }
}
