/** When drives are read, what is kept of the answer, and who is notified. */
import { expect, test } from 'vitest'
import { openDriveWatch } from '../../../src/clips/drive-watch.ts'
import type { KeptReading, StorageReading } from '../../../src/domain/clip.ts'
import { CloudRefused } from '../../../src/domain/errors.ts'
import { keyOf, type ModuleReport } from '../../../src/domain/model.ts'
import { bareAccount } from '../../support/account-fixture.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, anItem, failed, readableLog, requested, skipped, start } from '../../support/samples.ts'

const minuteMs = 60_000
const nearlyFull: StorageReading = { state: 'active', usedPercent: 93, full: false, warning: 3 }
const refused = new CloudRefused('storage status', { status: 406, outcome: 'not-done' })

interface Options {
  readonly answers?: readonly (StorageReading | Error)[]
  readonly nextRunInMs?: number
  readonly intervalMs?: number
  readonly kept?: KeptReading
}

function watched({ answers = [nearlyFull], nextRunInMs = 5 * minuteMs, ...rest }: Options = {}) {
  const { intervalMs = 5 * minuteMs, kept } = rest
  const clock = fakeClock()
  const log = readableLog()
  const requests: string[] = []
  const changed: string[] = []
  const readings = new Map<string, KeptReading>(kept ? [[keyOf(aModule()), kept]] : [])
  const left = [...answers]
  const known = bareAccount(clock)
  const account = {
    ...known,
    exclusively: known.exclusively,
    clips: {
      ...known.clips,
      async storageStatus(module: Parameters<typeof keyOf>[0]) {
        requests.push(keyOf(module))
        const answer = (left.length > 1 ? left.shift() : left[0]) ?? nearlyFull
        if (answer instanceof Error) throw answer
        return answer
      },
    },
  }
  const watch = openDriveWatch({
    ledger: {
      storageReading: async (key) => readings.get(keyOf(key)),
      saveStorageReading: async (key, reading) => void readings.set(keyOf(key), reading),
    },
    account: (accountId) => (accountId === '8021' ? account : undefined),
    nextRun: () => {
      const passed = Math.floor((clock.now() - start - nextRunInMs) / intervalMs) + 1
      return { at: start + nextRunInMs + Math.max(passed, 0) * intervalMs, intervalMs }
    },
    observer: { moduleChanged: (key, change) => void changed.push(`${keyOf(key)} ${change}`) },
    ...{ clock, log },
    fail: (error) => expect.fail(String(error)),
  })
  const run = async (...modules: readonly ModuleReport[]) => {
    watch.observer.accountRunFinished?.({
      ...{ accountId: '8021', startedAt: start, finishedAt: start, changes: undefined, modules },
      run: { tickId: '2026-11-23T09:00:00.000Z', trigger: 'schedule', budgetMs: 1 },
      ...{ account: { status: 'ok' as const }, budget: { spent: 0, limit: 1 } },
    })
    await clock.advance(0)
  }
  return { watch, run, clock, log, requests, changed, readings }
}

const hall = keyOf(aModule())

test('after a run the drives of its accepted requests are read, and the readings kept', async () => {
  const { run, requests, changed, readings } = watched()
  const attic = anItem({ syncModuleId: '350222' })

  await run(requested(), requested(attic), failed(), skipped())

  expect(requests).toEqual([hall, keyOf(attic)])
  expect(changed).toEqual([`${hall} storage`, `${keyOf(attic)} storage`])
  expect(readings.get(hall)).toEqual({ usedPercent: 93, full: false, warning: 3, readAt: start })
})

test('a module is read again after a quarter of an hour, not before', async () => {
  const { run, clock, requests } = watched()

  await run(requested())
  await clock.advance(15 * minuteMs - 1)
  await run(requested())
  expect(requests).toHaveLength(1)
  await clock.advance(1)
  await run(requested())

  expect(requests).toHaveLength(2)
})

test('a reading of before a restart counts, unless it is from the future', async () => {
  const reading = { usedPercent: 93, full: false, warning: 3 }
  const recent = watched({ kept: { ...reading, readAt: start - 14 * minuteMs } })
  const future = watched({ kept: { ...reading, readAt: start + 14 * minuteMs } })

  await recent.run(requested())
  await future.run(requested())

  expect(recent.requests).toEqual([])
  expect(future.requests).toEqual([hall])
})

test('only a reading that differs is published', async () => {
  const { run, clock, changed } = watched({
    answers: [nearlyFull, nearlyFull, { ...nearlyFull, full: true }],
  })

  await run(requested())
  await clock.advance(15 * minuteMs)
  await run(requested())
  expect(changed).toHaveLength(1)
  await clock.advance(15 * minuteMs)
  await run(requested())

  expect(changed).toHaveLength(2)
})

test('shortly before the next run nothing is read until that has begun', async () => {
  const near = watched({ nextRunInMs: 19_999 })
  const far = watched({ nextRunInMs: 20_000 })

  await near.run(requested())
  await far.run(requested())
  await near.clock.advance(19_999)
  expect(near.requests).toEqual([])
  expect(far.requests).toEqual([hall])
  await near.clock.advance(1_000)

  expect(near.requests).toEqual([hall])
})

test('where every run ends in the quiet time before the next, drives are read all the same', async () => {
  const { run, clock, requests, changed } = watched({ nextRunInMs: 5_000, intervalMs: 60_000 })

  await run(requested())
  for (let minute = 0; minute < 3; minute++) {
    await clock.advance(60_000)
    await run(requested())
  }

  expect(requests).toEqual([hall])
  expect(changed).toHaveLength(1)
})

test('a stop ends the wait for the next run', async () => {
  const { watch, run, clock, requests } = watched({ nextRunInMs: 5_000 })

  await run(requested())
  await watch.stop()
  await clock.advance(60_000)

  expect(requests).toEqual([])
})

test('a failure is silent at info level, hinders no other module, and waits for its time', async () => {
  const { run, clock, log, requests, readings } = watched({ answers: [refused, nearlyFull] })
  const attic = anItem({ syncModuleId: '350222' })

  await run(requested(), requested(attic))
  await run(requested())
  expect(requests).toEqual([hall, keyOf(attic)])
  expect(readings.has(hall)).toBe(false)
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'debug storage status could not be read',
  ])
  await clock.advance(15 * minuteMs)
  await run(requested())

  expect(readings.get(hall)?.usedPercent).toBe(93)
})

test('nothing is read after a stop', async () => {
  const { watch, run, requests } = watched()

  await watch.stop()
  await run(requested())

  expect(requests).toEqual([])
})
