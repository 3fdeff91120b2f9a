/** The laps of the benches: what counts as one, and what is made of it. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keyOfPath, keyOfWorkItem, LapDisturbed, undisturbed } from '../../bench/laps.ts'
import { readArrivals, subscribe } from '../../bench/subscriber.ts'
import { cellsOf, extrasLike, type LapFigures } from '../../bench/throughput.ts'
import { freePort } from '../../support/mosquitto.ts'
import { temporaryDirectory } from '../../support/samples.ts'

test('a request and its work item are known to be of the same module', () => {
  const path = '/rest-e008/api/v1/accounts/7/networks/8/sync_modules/9/local_storage/manifest/request'

  expect(keyOfPath(path)).toBe('7/8/9')
  expect(keyOfWorkItem('blink-manifestd/sync/7/8/9/manifest/requested')).toBe('7/8/9')
})

test('what else is published of a module is no work item', () => {
  expect(keyOfWorkItem('blink-manifestd/sync/7/8/9/state')).toBeUndefined()
  expect(keyOfWorkItem('blink-manifestd/sync/7/8/9/manifest/requested/again')).toBeUndefined()
})

test("the subscriber's lines are read in order, and one cut short is left out", () => {
  const text = '1767600000.000250 420 a/sync/1/2/3/state\n1767600000.100000 9 b\n17676'

  expect(readArrivals(text)).toEqual([
    { at: 1_767_600_000_000.25, bytes: 420, topic: 'a/sync/1/2/3/state' },
    { at: 1_767_600_000_100, bytes: 9, topic: 'b' },
  ])
})

test('a subscriber that has ended by itself is not waited for', async () => {
  const [port, path] = [await freePort(), join(temporaryDirectory(), 'arrivals')]
  const subscriber = await subscribe({ port, path, filter: '#' }, AbortSignal.timeout(60_000))

  expect(await subscriber.end()).toEqual([])
})

test('a disturbed lap is taken again, and reported', async () => {
  const reported: string[] = []
  let laps = 0
  const lap = async () => {
    laps++
    if (laps < 3) throw new LapDisturbed(`lap ${laps}`)
    return 'taken'
  }

  expect(await undisturbed(lap, (text) => reported.push(text))).toBe('taken')
  expect(reported).toEqual(['once more: lap 1', 'once more: lap 2'])
})

test('a lap that is disturbed again and again ends the figure', async () => {
  const lap = async () => {
    throw new LapDisturbed('too slow')
  }

  await expect(undisturbed(lap, () => undefined)).rejects.toThrow('too slow')
})

test('a lap that lost an id is not taken again', async () => {
  let laps = 0
  const lap = async () => {
    laps++
    throw new Error('told of 9 of 10')
  }

  await expect(undisturbed(lap, () => undefined)).rejects.toThrow('9 of 10')
  expect(laps).toBe(1)
})

test('the bare loop publishes as much beside the work item as the daemon on average', () => {
  const about = (module: number, suffix: string, bytes: number) => ({
    at: 0,
    bytes,
    topic: `blink-manifestd/sync/1/2/${module}/${suffix}`,
  })
  const arrivals = [1, 2].flatMap((module) => [
    about(module, 'manifest/requested', 600),
    about(module, 'state', 100 * module),
    about(module, 'event', 80),
    about(module, 'event', 100),
  ])

  expect(extrasLike(arrivals, 2)).toEqual([
    { suffix: 'state', bytes: 150, retain: true },
    { suffix: 'event', bytes: 90, retain: false },
    { suffix: 'event', bytes: 90, retain: false },
  ])
})

test('a row of throughput has ratios lap by lap, and as many cells as its head', () => {
  const lap = (modulesPerSecond: number, cpuUs: number): LapFigures => ({
    modulesPerSecond,
    cpuUs,
    p50Ms: 2,
    p99Ms: 4,
    diskBytes: 12_000,
    messages: 1,
    payloadBytes: 640,
  })
  const cells = cellsOf({ daemon: [lap(50, 20), lap(40, 30)], bare: [lap(100, 10), lap(100, 10)] })

  expect(cells).toEqual([
    '45 (40 to 50)',
    '100 (100 to 100)',
    '0.45 (0.40 to 0.50)',
    '2.50 (2.00 to 3.00)',
    '1.00 (1.00 to 1.00)',
    '1.00 (1.00 to 1.00)',
    '12000 (12000 to 12000)',
    '1.00 (1.00 to 1.00)',
    '640 (640 to 640)',
  ])
})
