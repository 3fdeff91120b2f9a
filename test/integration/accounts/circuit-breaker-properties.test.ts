/** The breaker under whatever the cloud answers and whatever happens to the clock. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { guard } from '../../../src/accounts/circuit-breaker.ts'
import { attended, type CallRecord } from '../../../src/blink/http.ts'
import { refusalIn } from '../../../src/blink/response.ts'
import { AccountThrottled } from '../../../src/domain/errors.ts'
import { type Breaker, closedBreaker } from '../../../src/domain/retry-policy.ts'
import { unlimited } from '../../support/account-world.ts'
import { failing, open, until } from '../../support/asking.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { calm, httpPeer, manifestCall } from '../../support/peer.ts'
import { start } from '../../support/samples.ts'
import { busy, notSent, refused, throttled } from '../../support/scripted.ts'

const minute = 60_000
const dayMs = 24 * 60 * minute

const refusal = fc
  .record({
    retryAfterMs: fc.option(fc.integer({ min: -dayMs, max: 400 * dayMs }), { nil: undefined }),
    bodyCode: fc.constantFrom(undefined, 106, 110, 111),
  })
  .map(({ retryAfterMs, bodyCode }) => {
    const details = { ...(retryAfterMs && { retryAfterMs }), ...(bodyCode && { bodyCode }) }
    return new AccountThrottled('ask less', { outcome: 'not-done', ...details })
  })

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ ask: fc.oneof(refusal, fc.constantFrom('well' as const, notSent, busy)) }),
  },
  { weight: 2, arbitrary: fc.record({ passMs: fc.integer({ min: 0, max: 8 * 60 * minute }) }) },
  { weight: 1, arbitrary: fc.record({ jumpMs: fc.integer({ min: -400 * dayMs, max: 400 * dayMs }) }) },
  { weight: 1, arbitrary: fc.constant({ restart: true }) },
  { weight: 1, arbitrary: fc.constant({ tickWentWell: true }) },
)

test('whatever is answered: silence while open, a day at most, and an end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (steps, chance) => {
        const clock = fakeClock(start, chance)
        let kept: Breaker = closedBreaker
        const begin = () =>
          guard({
            breaker: kept,
            budget: unlimited,
            clock,
            async save(breaker) {
              kept = breaker
            },
          })
        let watch = begin()
        // By a clock of the test's own, which no jump reaches: nothing may be asked before.
        let silentUntil = 0

        for (const done of steps) {
          if ('passMs' in done) await clock.advance(done.passMs)
          if ('jumpMs' in done) clock.setWall(start + done.jumpMs)
          if ('tickWentWell' in done && !watch.pause) await watch.close()
          if ('restart' in done) {
            watch = begin()
            // A new process has only the wall clock to go by.
            silentUntil = clock.elapsed() + (watch.pause ? watch.pause.until - clock.now() : 0)
          }
          if ('ask' in done) {
            const { ask } = done
            let sent = false
            await watch
              .through(() => {
                sent = true
                return ask === 'well' ? Promise.resolve() : Promise.reject(ask)
              })
              .catch(() => undefined)
            if (sent) expect(clock.elapsed()).toBeGreaterThanOrEqual(silentUntil)
            if (sent && ask instanceof AccountThrottled) {
              const least = Math.max(5 * minute, ask.bodyCode === 106 ? 60 * minute : 0)
              silentUntil = clock.elapsed() + Math.max(least, Math.min(ask.retryAfterMs ?? 0, dayMs))
            }
          }
          // A wall clock that is corrected by less than two seconds counts as not set.
          expect((watch.pause?.until ?? 0) - clock.now()).toBeLessThanOrEqual(dayMs + 2_000)
        }

        await clock.advance(dayMs)
        expect(watch.pause).toBeUndefined()
        expect(await watch.through(() => Promise.resolve('answered'))).toBe('answered')
      },
    ),
    { numRuns: 300 },
  )
})

test.each([
  ['answered well', undefined],
  ['answered that the module is busy', busy],
  ['refused for a reason of its own', refused],
])('after a pause one question goes out alone, and the others only when it was %s', async (_, answer) => {
  const clock = fakeClock()
  const watch = guard({
    breaker: { failures: 1, openUntil: start - 1 },
    budget: unlimited,
    clock,
    save: () => Promise.resolve(),
  })
  let inFlight = 0
  const most: number[] = []
  const question = (index: number) => () => {
    most[index] = ++inFlight
    return clock.sleep(1_000).then(() => {
      inFlight--
      if (index === 0 && answer) throw answer
    })
  }
  const all = Promise.allSettled(Array.from({ length: 8 }, (__, index) => watch.through(question(index))))

  await clock.advance(999)
  expect(most).toEqual([1])
  await clock.advance(1)
  expect(most).toEqual([1, 1, 2, 3, 4, 5, 6, 7])

  await clock.advance(1_000)
  await all
})

test('while the cloud does not answer after a pause, the questions still go one by one', async () => {
  const clock = fakeClock()
  const watch = guard({
    breaker: { failures: 1, openUntil: start - 1 },
    budget: unlimited,
    clock,
    save: () => Promise.resolve(),
  })
  let [inFlight, most, sent] = [0, 0, 0]
  const all = Promise.allSettled(
    Array.from({ length: 5 }, () =>
      watch.through(async () => {
        sent++
        most = Math.max(most, ++inFlight)
        await clock.sleep(1_000)
        inFlight--
        throw notSent
      }),
    ),
  )

  await clock.advance(10_000)
  await all

  expect({ most, sent }).toEqual({ most: 1, sent: 5 })
})

test('a refused probe is the only request: those that waited for it are not sent', async () => {
  const clock = fakeClock()
  const watch = guard({
    breaker: { failures: 1, openUntil: start - 1 },
    budget: unlimited,
    clock,
    save: () => Promise.resolve(),
  })
  let sent = 0
  const question = async () => {
    sent++
    await clock.sleep(1_000)
    throw throttled
  }
  const ends = Promise.allSettled(Array.from({ length: 8 }, () => watch.through(question)))

  await clock.advance(1_000)
  await settle()

  const reasons = (await ends).map((end) => (end.status === 'rejected' ? (end.reason as unknown) : undefined))
  expect(reasons.every((reason) => reason instanceof AccountThrottled)).toBe(true)
  expect(sent).toBe(1)
  expect(watch.pause?.until).toBe(start + 1_000 + 10 * minute)
})

test('requests that waited for their turn while a pause began are not sent any more', async () => {
  const answers: (() => void)[] = []
  await using peer = await httpPeer((_, response) => {
    answers.push(() => response.writeHead(429).end())
  })
  await using http = open({ concurrency: 1 })
  const clock = fakeClock()
  const watch = guard({ breaker: closedBreaker, budget: unlimited, clock, save: () => Promise.resolve() })
  const records: CallRecord[] = []
  const ours = attended(http, {
    admit() {
      const ended = watch.admit()
      return (record, answer) => {
        records.push(record)
        if (answer) ended(refusalIn({ kind: record.kind, ...answer, now: clock.now() }))
      }
    },
  })
  const first = watch.through(async () => {
    const answer = await ours.request(manifestCall(peer.url), calm())
    throw refusalIn({ kind: 'manifest_request', ...answer, now: clock.now() })
  })
  const waiting = [1, 2, 3].map(() => watch.through(() => failing(ours, manifestCall(peer.url))))

  await until(() => answers.length === 1)
  answers[0]?.()
  await expect(first).rejects.toThrow(AccountThrottled)

  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ retryAt: expect.any(Number) })
  expect(peer.seen.length).toBe(1)
  // One refusal, though it was heard of twice.
  expect(watch.pause?.until).toBe(start + 5 * minute)
  expect(records.map(({ status }) => status)).toEqual([429])
})
