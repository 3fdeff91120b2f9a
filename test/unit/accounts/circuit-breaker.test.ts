import { expect, test } from 'vitest'
import { guard, guarded } from '../../../src/accounts/circuit-breaker.ts'
import { AccountThrottled, StoreFailed } from '../../../src/domain/errors.ts'
import type { ManifestRequest } from '../../../src/domain/model.ts'
import type { Cloud } from '../../../src/domain/ports.ts'
import { type Breaker, closedBreaker } from '../../../src/domain/retry-policy.ts'
import { openLogins } from '../../../src/storage/credentials.ts'
import { unlimited } from '../../support/account-world.ts'
import { type FakeClock, fakeClock, settle } from '../../support/fake-clock.ts'
import { aModule, start, temporaryDirectory } from '../../support/samples.ts'
import { diskFull, loginNeeded, notSent, throttled } from '../../support/scripted.ts'

const minute = 60_000
const never = new AbortController().signal
const answer: ManifestRequest = { requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }

/** A guarded cloud that answers well until it is told to fail, and what it was asked. */
function aWorld(kept: Breaker = closedBreaker, clock: FakeClock = fakeClock()) {
  const asked: string[] = []
  const saved: Breaker[] = []
  let failure: Error | undefined
  let refusesToSave: Error | undefined
  const meet = (what: string) => {
    asked.push(what)
    if (failure) throw failure
  }
  const cloud: Cloud = {
    async discover() {
      meet('discover')
      return [aModule()]
    },
    async requestManifest() {
      meet('manifest')
      return answer
    },
  }
  const watch = guard({
    breaker: kept,
    budget: unlimited,
    clock,
    async save(breaker) {
      if (refusesToSave) throw refusesToSave
      saved.push(breaker)
    },
  })
  const watched = guarded(cloud, watch)
  return {
    ...{ watch, watched, asked, saved, clock },
    fail: (error: Error | undefined) => (failure = error),
    refuseToSave: (error: Error | undefined) => (refusesToSave = error),
    ask: () => watched.requestManifest(aModule(), never),
    /** What asking throws. */
    refusal: () => watched.requestManifest(aModule(), never).catch((error: unknown) => error),
  }
}

test('while the cloud is content, every question goes through', async () => {
  const { watch, watched, asked, saved, ask } = aWorld()

  expect(await watched.discover(never)).toEqual([aModule()])
  expect(await ask()).toEqual(answer)

  expect([asked, saved, watch.pause?.until]).toEqual([['discover', 'manifest'], [], undefined])
})

test('after "ask less" nothing is sent until the pause is over, then one request', async () => {
  const { watched, asked, clock, fail, refusal, ask } = aWorld()
  fail(throttled)
  await refusal()
  fail(undefined)

  await clock.advance(5 * minute - 1)
  await expect(watched.discover(never)).rejects.toThrow(AccountThrottled)
  await expect(ask()).rejects.toThrow(AccountThrottled)
  expect(asked).toEqual(['manifest'])

  await clock.advance(1)
  await ask()
  expect(asked).toEqual(['manifest', 'manifest'])
})

test('the refusal tells the pause that is kept, not only the one that the cloud named', async () => {
  const { watch, fail, refusal } = aWorld()
  fail(new AccountThrottled('rate', { outcome: 'not-done', status: 403, bodyCode: 111, retryAfterMs: 1_000 }))

  const error = await refusal()

  expect(error).toMatchObject({
    message: 'rate',
    status: 403,
    bodyCode: 111,
    outcome: 'not-done',
    retryAfterMs: 5 * minute,
  })
  expect(watch.pause?.until).toBe(start + 5 * minute)
})

test('each refusal after a pause doubles the next, until a whole tick went well', async () => {
  const { watch, clock, fail, refusal, ask } = aWorld()
  const pause = async () => {
    fail(throttled)
    await refusal()
    const ms = (watch.pause?.until ?? 0) - clock.now()
    fail(undefined)
    await clock.advance(ms)
    return ms / minute
  }

  expect([await pause(), await pause(), await pause()]).toEqual([5, 10, 20])

  await ask()
  expect(await pause()).toBe(40)

  await watch.close()
  expect(await pause()).toBe(5)
})

test('answers of requests that were sent before the pause began do not double it', async () => {
  const clock = fakeClock()
  const { watch, clock: time } = aWorld(closedBreaker, clock)
  const late = () => watch.through(() => time.sleep(1_000).then(() => Promise.reject(throttled)))
  const all = Promise.allSettled([late(), late(), late(), late()])

  await time.advance(1_000)
  await all

  expect(watch.pause?.until).toBe(start + 1_000 + 5 * minute)
})

test('a pause is on disk when it is told of, and outlives a restart', async () => {
  const { saved, fail, refusal, clock } = aWorld()
  fail(throttled)
  await refusal()
  expect(saved).toEqual([{ failures: 1, openUntil: start + 5 * minute }])

  await clock.advance(minute)
  const restarted = aWorld(saved[0], clock)
  await expect(restarted.ask()).rejects.toMatchObject({ retryAfterMs: 4 * minute })

  expect(restarted.asked).toEqual([])
})

test('the end of trouble is on disk too, and a breaker without trouble is not written', async () => {
  const { watch, saved } = aWorld({ failures: 3, openUntil: start - 1 })

  await watch.close()
  await watch.close()

  expect(saved).toEqual([closedBreaker])
})

test('other failures go through as they are and open nothing', async () => {
  const { watch, saved, fail, refusal } = aWorld()
  for (const error of [loginNeeded, notSent, new TypeError('bug')]) {
    fail(error)

    expect(await refusal()).toBe(error)
  }
  expect([watch.pause?.until, saved]).toEqual([undefined, []])
})

test('a pause that cannot be kept on disk is kept all the same, and told as what it is', async () => {
  const { asked, fail, refuseToSave, refusal } = aWorld()
  fail(throttled)
  refuseToSave(diskFull)

  const first = await refusal()
  const second = await refusal()

  expect(asked).toEqual(['manifest'])
  expect(second).toBeInstanceOf(AccountThrottled)
  expect(first).toBeInstanceOf(AccountThrottled)
})

test('several refusals at one moment are all reported, and the pause is on disk', async () => {
  const logins = await openLogins(temporaryDirectory())
  const watch = guard({
    breaker: closedBreaker,
    budget: unlimited,
    clock: fakeClock(),
    save: (breaker) => logins.saveBreaker('login-1', breaker),
  })

  const ends = await Promise.allSettled(
    Array.from({ length: 8 }, () => watch.through(() => Promise.reject(throttled))),
  )
  await settle()

  const reasons = ends.map((end) => (end.status === 'rejected' ? end.reason : undefined) as unknown)
  expect(reasons.filter((reason) => reason instanceof StoreFailed)).toEqual([])
  expect((await logins.breaker('login-1')).openUntil).toBe(watch.pause?.until)
})

test('setting the wall clock neither ends a pause nor lengthens it', async () => {
  for (const jumpMs of [-365 * 24 * 60 * minute, 60 * minute, 365 * 24 * 60 * minute]) {
    const { watch, clock, asked, refusal, ask } = aWorld({ failures: 1, openUntil: start + 5 * minute })

    clock.setWall(start + jumpMs)
    expect(watch.pause?.until).toBe(start + jumpMs + 5 * minute)
    await clock.advance(5 * minute - 1)
    expect(await refusal()).toBeInstanceOf(AccountThrottled)
    expect(asked).toEqual([])

    await clock.advance(1)
    await ask()
    expect(asked).toEqual(['manifest'])
  }
})

test('a pause that a wrong clock left on disk ends after a day at most', async () => {
  const { watch, clock, saved } = aWorld({ failures: 1, openUntil: start + 365 * 24 * 60 * minute })
  expect(watch.pause?.until).toBe(start + 24 * 60 * minute)
  await settle()
  await clock.advance(20 * 60 * minute)

  const restarted = aWorld(saved.at(-1), clock)

  expect(restarted.watch.pause?.until).toBe(start + 24 * 60 * minute)
})

test('replaced credentials send nothing more, and do not double the pause', async () => {
  const { watch, asked, saved, refusal } = aWorld()

  watch.retire()

  expect(await refusal()).toBeInstanceOf(AccountThrottled)
  expect(() => watch.admit()).toThrow(AccountThrottled)
  expect([asked, saved]).toEqual([[], []])
  expect(watch.retired.aborted).toBe(true)
})

test('a longer pause of other credentials is continued at once, a shorter one is not', async () => {
  const { watch, asked, saved, refusal, ask, clock } = aWorld()
  const open = { failures: 2, openUntil: start + 10 * minute }

  await watch.adopt(open)
  await watch.adopt({ failures: 4, openUntil: start + minute })

  expect(await refusal()).toMatchObject({ retryAt: start + 10 * minute })
  expect([asked, saved]).toEqual([[], [open]])
  await clock.advance(10 * minute)
  await ask()
  expect(asked).toEqual(['manifest'])
})
