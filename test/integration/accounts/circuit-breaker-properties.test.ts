/** The breaker under any answers and any setting of the clock, and in front of the real client. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CircuitBreaker } from '../../../src/accounts/circuit-breaker.ts'
import type { Http } from '../../../src/blink/http.ts'
import { AccountThrottled } from '../../../src/domain/errors.ts'
import { type Breaker, closedBreaker } from '../../../src/domain/retry-policy.ts'
import { throttledAnswer, unlimited } from '../../support/account-fixture.ts'
import { type Answered, scripted } from '../../support/blink-scripted.ts'
import { type FakeClock, fakeClock, settle } from '../../support/fake-clock.ts'
import { failing, open, until } from '../../support/http-client.ts'
import { calm, httpPeer, manifestCall } from '../../support/peer.ts'
import { start } from '../../support/samples.ts'
import { notSent } from '../../support/scripted.ts'

const minute = 60_000
const dayMs = 24 * 60 * minute
const call = { kind: 'manifest_request', url: 'https://rest.test/', headers: {} } as const
const good: Answered = [200, { id: 501 }]
const busy: Answered = [409, { code: 307 }]
const refused: Answered = [404, { code: 999 }]
const justOver: Breaker = { failures: 1, openUntil: start - 1 }

function breakerOf(clock: FakeClock, breaker: Breaker, keep?: (state: Breaker) => void): CircuitBreaker {
  const save = async (state: Breaker) => keep?.(state)
  return new CircuitBreaker({ breaker, budget: unlimited, clock, finished: () => undefined, save })
}

/** A breaker whose pause is just over, before a client that takes a second for each answer. */
function afterPause(answer: (index: number) => Answered) {
  const clock = fakeClock()
  const breaker = breakerOf(clock, justOver)
  const flight = { now: 0, most: [] as number[] }
  const http: Http = scripted(async (_, index) => {
    flight.most.push(++flight.now)
    await clock.sleep(1_000)
    flight.now--
    return answer(index)
  })
  const client = breaker.protect(http)
  const requests = (count: number) =>
    Promise.allSettled(Array.from({ length: count }, () => client.request(call, calm())))
  return { clock, breaker, flight, requests }
}

const throttle = fc.record({
  seconds: fc.option(fc.integer({ min: 0, max: 400 * 24 * 3_600 }), { nil: undefined }),
  code: fc.constantFrom(undefined, 106, 110, 111),
})

function throttleAnswer({
  seconds,
  code,
}: {
  readonly seconds: number | undefined
  readonly code: number | undefined
}): Answered {
  return seconds === undefined ? [429, { code }] : [429, { code }, String(seconds)]
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ request: fc.oneof(throttle, fc.constantFrom(good, notSent, busy)) }),
  },
  { weight: 2, arbitrary: fc.record({ passMs: fc.integer({ min: 0, max: 8 * 60 * minute }) }) },
  { weight: 1, arbitrary: fc.record({ jumpMs: fc.integer({ min: -400 * dayMs, max: 400 * dayMs }) }) },
  { weight: 1, arbitrary: fc.constant({ restart: true }) },
  { weight: 1, arbitrary: fc.constant({ runWentWell: true }) },
)

test('whatever is answered and however the clock is set, an open breaker is silent and ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (steps, chance) => {
        const clock = fakeClock(start, chance)
        let kept: Breaker = closedBreaker
        let answer: Answered = good
        const http = scripted(() => answer)
        const begin = () =>
          breakerOf(clock, kept, (state) => {
            kept = state
          })
        let breaker = begin()
        // By a clock of the test's own, which no jump reaches: nothing may be sent before.
        let silentUntil = 0

        for (const done of steps) {
          if ('passMs' in done) await clock.advance(done.passMs)
          if ('jumpMs' in done) clock.setWall(start + done.jumpMs)
          if ('runWentWell' in done && !breaker.pause) await breaker.close()
          if ('restart' in done) {
            breaker = begin()
            // A new process has only the wall clock to go by.
            silentUntil = clock.elapsed() + (breaker.pause ? breaker.pause.until - clock.now() : 0)
          }
          if ('request' in done) {
            const { request } = done
            const isThrottle = 'seconds' in request
            answer = isThrottle ? throttleAnswer(request) : request
            const before = http.calls.length
            await breaker
              .protect(http)
              .request(call, calm())
              .catch(() => undefined)
            const sent = http.calls.length > before
            if (sent) expect(clock.elapsed()).toBeGreaterThanOrEqual(silentUntil)
            if (sent && 'seconds' in request) {
              const least = Math.max(5 * minute, request.code === 106 ? 60 * minute : 0)
              const named = Math.min((request.seconds ?? 0) * 1_000, dayMs)
              silentUntil = clock.elapsed() + Math.max(least, named)
            }
          }
          // A wall clock that is corrected by less than two seconds counts as not set.
          expect((breaker.pause?.until ?? 0) - clock.now()).toBeLessThanOrEqual(dayMs + 2_000)
        }

        await clock.advance(dayMs)
        expect(breaker.pause).toBeUndefined()
        answer = good
        expect(await breaker.protect(http).request(call, calm())).toMatchObject({ status: 200 })
      },
    ),
    { numRuns: 300 },
  )
})

test.each([
  ['answered well', good],
  ['answered that the module is busy', busy],
  ['refused for a reason of its own', refused],
])('after a pause the probe goes out alone, the others once it was %s', async (_, answer) => {
  const { clock, flight, requests } = afterPause((index) => (index === 0 ? answer : good))
  const all = requests(8)

  await clock.advance(999)
  expect(flight.most).toEqual([1])
  await clock.advance(1)
  expect(flight.most).toEqual([1, 1, 2, 3, 4, 5, 6, 7])

  await clock.advance(1_000)
  await all
})

test('while the cloud does not answer after a pause, requests still go one by one', async () => {
  const { clock, flight, requests } = afterPause(() => notSent)
  const all = requests(5)

  await clock.advance(10_000)
  await all

  expect(flight.most).toEqual([1, 1, 1, 1, 1])
})

test('a refused probe is the only request: those behind it are refused without being sent', async () => {
  const { clock, breaker, flight, requests } = afterPause(() => throttledAnswer)
  const ends = requests(8)

  await clock.advance(1_000)
  await settle()

  const reasons = (await ends).map((end) => (end.status === 'rejected' ? (end.reason as unknown) : undefined))
  expect(reasons.every((reason) => reason instanceof AccountThrottled)).toBe(true)
  expect(flight.most).toEqual([1])
  expect(breaker.pause?.until).toBe(start + 1_000 + 10 * minute)
})

test('requests that wait in the queue while a pause begins are not sent', async () => {
  const answers: (() => void)[] = []
  await using peer = await httpPeer((_, response) => {
    answers.push(() => response.writeHead(429).end())
  })
  await using http = open({ concurrency: 1 })
  const clock = fakeClock()
  const breaker = breakerOf(clock, closedBreaker)
  const client = breaker.protect(http)
  const all = [1, 2, 3, 4].map(() => failing(client, manifestCall(peer.url)))

  await until(() => answers.length === 1)
  answers[0]?.()

  for (const error of await Promise.all(all)) expect(error).toBeInstanceOf(AccountThrottled)
  expect(peer.seen.length).toBe(1)
  expect(breaker.pause?.until).toBe(start + 5 * minute)
})
