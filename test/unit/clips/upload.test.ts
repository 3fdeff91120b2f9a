/** When an upload may begin. */
import { expect, test } from 'vitest'
import { type DownloadNeeds, upload } from '../../../src/clips/download.ts'
import { ModuleBusy } from '../../../src/domain/errors.ts'
import { bareAccount } from '../../support/account-fixture.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule } from '../../support/samples.ts'

const second = 1_000
const busy = new ModuleBusy('clip request', { status: 409, bodyCode: 307, outcome: 'not-done' })

/** An upload by a module that is busy at first; no upload may begin between two moments. */
function uploading({ busyTimes = 0, quietFrom = 0, quietUntil = 0, queuedFor = 0 }) {
  const clock = fakeClock()
  const begin = clock.elapsed()
  const at: number[] = []
  const known = bareAccount(clock)
  const account = {
    ...known,
    exclusively: known.exclusively,
    clips: {
      ...known.clips,
      async requestClip(_module: unknown, _address: unknown, { mayBegin }: { mayBegin: () => boolean }) {
        if (at.length === 0) await clock.sleep(queuedFor)
        if (!mayBegin()) return undefined
        at.push(clock.elapsed() - begin)
        if (at.length <= busyTimes) throw busy
        return '9'
      },
      command: async () => 'done' as const,
    },
  }
  const clip = { clipId: '1', createdAt: 1, listedSize: 1, cameraName: 'Hall' }
  const quietMs = () => {
    const now = clock.elapsed() - begin
    return now >= quietFrom && now < quietUntil ? quietUntil - now : 0
  }
  const job = { account, module: aModule(), requestId: '501', manifestId: '7', clip, row: undefined, quietMs }
  const needs = { clock, uploadMs: 90 * second } as unknown as DownloadNeeds
  const done = upload(job, needs, new AbortController().signal)
  return { done, clock, at }
}

test('a module that was busy is not tried again while the next run is near', async () => {
  const { done, clock, at } = uploading({ busyTimes: 1, quietFrom: 2 * second, quietUntil: 22 * second })

  await clock.advance(60 * second)
  await done

  expect(at).toEqual([0, 22 * second])
})

test('an upload that waited for its module does not begin while the next run is near', async () => {
  const { done, clock, at } = uploading({ quietFrom: 0, quietUntil: 20 * second })

  await clock.advance(60 * second)
  await done

  expect(at).toEqual([20 * second])
})

test('nor does one that waited for other requests of its account', async () => {
  const { done, clock, at } = uploading({
    queuedFor: 3 * second,
    quietFrom: 2 * second,
    quietUntil: 22 * second,
  })

  await clock.advance(60 * second)
  await done

  expect(at).toEqual([25 * second])
})
