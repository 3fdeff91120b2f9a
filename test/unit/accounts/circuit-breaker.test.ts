import { expect, test } from 'vitest'
import { CircuitBreaker } from '../../../src/accounts/circuit-breaker.ts'
import type { CallKind } from '../../../src/blink/api.ts'
import { AccountThrottled } from '../../../src/domain/errors.ts'
import { type Breaker, closedBreaker } from '../../../src/domain/retry-policy.ts'
import { throttledAnswer, unlimited } from '../../support/account-fixture.ts'
import { type Answered, scripted } from '../../support/blink-scripted.ts'
import { type FakeClock, fakeClock, settle } from '../../support/fake-clock.ts'
import { start } from '../../support/samples.ts'
import { diskFull, notSent } from '../../support/scripted.ts'

const minute = 60_000
const never = new AbortController().signal
const good: Answered = [200, { id: 501 }]

/** A client behind a breaker that answers well until told otherwise, and what was sent. */
function fixture(kept: Breaker = closedBreaker, clock: FakeClock = fakeClock()) {
  const saved: Breaker[] = []
  const disk: { refuses: Error | undefined } = { refuses: undefined }
  const cloud: { answer: Answered; afterMs: number } = { answer: good, afterMs: 0 }
  const http = scripted(async () => {
    if (cloud.afterMs > 0) await clock.sleep(cloud.afterMs)
    return cloud.answer
  })
  const breaker = new CircuitBreaker({
    breaker: kept,
    budget: unlimited,
    clock,
    finished: () => undefined,
    async save(state) {
      if (disk.refuses) throw disk.refuses
      saved.push(state)
    },
  })
  const client = breaker.protect(http)
  const request = (kind: CallKind = 'manifest_request') =>
    client.request({ kind, url: 'https://rest.test/', headers: {} }, never)
  const sent = () => http.calls.length
  /** What a request throws. */
  const refusal = (kind?: CallKind) => request(kind).catch((error: unknown) => error)
  return { breaker, cloud, disk, clock, saved, sent, request, refusal }
}

test('while the cloud answers well, every request is sent', async () => {
  const { breaker, request, sent, saved } = fixture()

  await request('homescreen')
  expect(await request()).toMatchObject({ status: 200 })

  expect([sent(), saved, breaker.pause]).toEqual([2, [], undefined])
})

test('after a throttle nothing is sent until the pause is over', async () => {
  const { breaker, cloud, clock, request, refusal, sent } = fixture()
  cloud.answer = throttledAnswer
  await refusal()
  cloud.answer = good

  await clock.advance(5 * minute - 1)
  expect(breaker.isOpen).toBe(true)
  await expect(request('homescreen')).rejects.toThrow(AccountThrottled)
  await expect(request()).rejects.toThrow(AccountThrottled)
  expect(sent()).toBe(1)

  await clock.advance(1)
  await request()
  expect(sent()).toBe(2)
})

test('a refusal names the pause that is kept, not only the one that the cloud named', async () => {
  const { breaker, cloud, refusal } = fixture()
  cloud.answer = [403, { code: 111 }, '1']

  expect(await refusal()).toMatchObject({
    status: 403,
    bodyCode: 111,
    outcome: 'not-done',
    retryAfterMs: 5 * minute,
  })
  expect(breaker.pause?.until).toBe(start + 5 * minute)
})

test('each refusal after a pause doubles the next, until a whole run went well', async () => {
  const { breaker, cloud, clock, request, refusal } = fixture()
  const pause = async () => {
    cloud.answer = throttledAnswer
    await refusal()
    const ms = (breaker.pause?.until ?? 0) - clock.now()
    cloud.answer = good
    await clock.advance(ms)
    return ms / minute
  }

  expect([await pause(), await pause(), await pause()]).toEqual([5, 10, 20])

  await request()
  expect(await pause()).toBe(40)

  await breaker.close()
  expect(await pause()).toBe(5)
})

test('refusals of requests that were sent before the pause began do not double it', async () => {
  const { breaker, cloud, clock, request } = fixture()
  cloud.answer = throttledAnswer
  cloud.afterMs = 1_000
  const all = Promise.allSettled([request(), request(), request(), request()])

  await clock.advance(1_000)
  await all

  expect(breaker.pause?.until).toBe(start + 1_000 + 5 * minute)
})

test('a pause is on disk when its refusal is seen, and outlives a restart', async () => {
  const { cloud, refusal, saved, clock } = fixture()
  cloud.answer = throttledAnswer
  await refusal()
  expect(saved).toEqual([{ failures: 1, openUntil: start + 5 * minute }])

  await clock.advance(minute)
  const restarted = fixture(saved[0], clock)
  await expect(restarted.request()).rejects.toMatchObject({ retryAfterMs: 4 * minute })

  expect(restarted.sent()).toBe(0)
})

test('a breaker that closes is stored once, and one without trouble never', async () => {
  const { breaker, saved } = fixture({ failures: 3, openUntil: start - 1 })

  await breaker.close()
  await breaker.close()

  expect(saved).toEqual([closedBreaker])
})

test.each<[string, Answered]>([
  ['no connection', notSent],
  ['a bug', new TypeError('bug')],
])('%s opens nothing and is thrown as it is', async (_, error) => {
  const { breaker, cloud, saved, refusal } = fixture()
  cloud.answer = error

  expect(await refusal()).toBe(error)
  expect([breaker.pause, saved]).toEqual([undefined, []])
})

test.each<[string, Answered]>([
  ['a withdrawn token', [401, {}]],
  ['a busy module', [409, { code: 307 }]],
])('%s opens nothing and is returned as it came', async (_, answer) => {
  const { breaker, cloud, saved, request } = fixture()
  cloud.answer = answer

  expect((await request()).status).toBe(answer instanceof Error ? 0 : answer[0])
  expect([breaker.pause, saved]).toEqual([undefined, []])
})

test('a pause that cannot be stored holds all the same', async () => {
  const { cloud, disk, refusal, sent } = fixture()
  cloud.answer = throttledAnswer
  disk.refuses = diskFull

  const refusals = [await refusal(), await refusal()]

  expect(sent()).toBe(1)
  expect(refusals.every((error) => error instanceof AccountThrottled)).toBe(true)
})

test('several refusals at the same moment are all throttles, and the pause is stored', async () => {
  const { breaker, cloud, refusal, saved } = fixture()
  cloud.answer = throttledAnswer

  const refusals = await Promise.all(Array.from({ length: 8 }, () => refusal()))

  expect(refusals.every((error) => error instanceof AccountThrottled)).toBe(true)
  expect(saved.at(-1)?.openUntil).toBe(breaker.pause?.until)
})

test('setting the wall clock neither ends a pause nor lengthens it', async () => {
  for (const jumpMs of [-365 * 24 * 60 * minute, 60 * minute, 365 * 24 * 60 * minute]) {
    const { breaker, clock, sent, refusal, request } = fixture({ failures: 1, openUntil: start + 5 * minute })

    clock.setWall(start + jumpMs)
    expect(breaker.pause?.until).toBe(start + jumpMs + 5 * minute)
    await clock.advance(5 * minute - 1)
    expect(await refusal()).toBeInstanceOf(AccountThrottled)
    expect(sent()).toBe(0)

    await clock.advance(1)
    await request()
    expect(sent()).toBe(1)
  }
})

test('a pause that a wrong clock left on disk ends after a day, over restarts as well', async () => {
  const { breaker, clock, saved } = fixture({ failures: 1, openUntil: start + 365 * 24 * 60 * minute })
  expect(breaker.pause?.until).toBe(start + 24 * 60 * minute)
  await settle()
  await clock.advance(20 * 60 * minute)

  const restarted = fixture(saved.at(-1), clock)

  expect(restarted.breaker.pause?.until).toBe(start + 24 * 60 * minute)
})

test('a longer pause is adopted at once and stored, a shorter one is not', async () => {
  const { breaker, saved, sent, refusal, request, clock } = fixture()
  const open = { failures: 2, openUntil: start + 10 * minute }

  await breaker.adopt(open)
  await breaker.adopt({ failures: 4, openUntil: start + minute })

  expect(await refusal()).toMatchObject({ retryAt: start + 10 * minute })
  expect([sent(), saved]).toEqual([0, [open]])
  await clock.advance(10 * minute)
  await request()
  expect(sent()).toBe(1)
})

test('a renewed token does not end the probe: the next request is alone as well', async () => {
  const { cloud, clock, request, sent } = fixture({ failures: 1, openUntil: start - 1 })
  cloud.afterMs = 1_000
  const all = Promise.all([request('token'), request('homescreen'), request(), request()])

  await clock.advance(1_000)
  expect(sent()).toBe(2)
  await clock.advance(1_000)
  expect(sent()).toBe(4)

  await clock.advance(1_000)
  await all
})
