/** What bounds the downloads: the next run, budgets, retention, a stop; and several accounts at once. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { filesIn, hashesIn, sorted, world } from '../../support/clip-world.ts'
import { home } from '../../support/homes.ts'
import { until } from '../../support/until.ts'

const ofKind = (calls: readonly { readonly kind?: string | undefined }[], ...kinds: readonly string[]) =>
  calls.filter(({ kind }) => kinds.includes(kind ?? '')).length

test('no upload begins in the last third before a run of a schedule of every two seconds', async () => {
  const { simulator, events, journal, start } = await world()
  const left: number[] = []
  const note = (step: unknown) => {
    if (step === 'before upload') left.push(2_000 - (Date.now() % 2_000))
  }
  subscribe('blink-manifestd:clip-step', note)
  onTestFinished(() => void unsubscribe('blink-manifestd:clip-step', note))
  for (let each = 0; each < 12; each++) simulator.motion({ camera: 'Porch', size: 70 })

  await start()
  await until('all are there', () => events.length === journal().length)

  expect(left.length).toBeGreaterThanOrEqual(journal().length)
  // A process may lose its processor between the decision and this; the whole third it does not.
  expect(Math.min(...left)).toBeGreaterThan(300)
})

test('with its budget used up nothing is followed or downloaded, and request IDs go on', async () => {
  const { simulator, events, start } = await world()
  const { daemon, lines } = await start({ CLIPS_DAILY_BUDGET: '5' })
  const requests = () => ofKind(simulator.calls, 'manifest-request')
  await until('some runs', () => requests() >= 12)

  await daemon.stop()

  const spent = ['manifest', 'clip-request', 'command-status', 'clip', 'storage-status']
  expect(ofKind(simulator.calls, ...spent)).toBeLessThanOrEqual(5)
  expect(events.length).toBeLessThanOrEqual(1)
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  expect((await daemon.status.account('8021'))?.status).toBe('ok')
})

test('what retention has removed does not come again', async () => {
  const { simulator, directory, events, journal, start } = await world()
  simulator.motion({ camera: 'Porch', size: 70 })
  const old = journal().length - 1

  const { lines } = await start({ CLIPS_KEEP_DAYS: '30' })
  await until('all were there', () => events.length === journal().length)
  const removed = () => lines.filter(({ message }) => message === 'clip removed by retention').length
  await until('the old ones are removed', () => removed() >= old)
  const manifests = ofKind(simulator.calls, 'manifest')
  await until('more manifests', () => ofKind(simulator.calls, 'manifest') > manifests + 6)

  expect(removed()).toBe(old)
  const accepted = simulator.calls.filter(({ status }) => status === 200)
  expect(ofKind(accepted, 'clip-request')).toBe(journal().length)
  expect(await hashesIn(directory)).toEqual(
    sorted(journal()).filter((hash) => hash === journal().at(-1)?.sha256),
  )
})

test('a stop during a slow file ends at once, leaves nothing, and the next start has it', async () => {
  const { simulator, directory, events, journal, start } = await world()
  simulator.troubleClips({ kind: 'slow_file', seconds: 3_600, count: 1 })
  const { daemon } = await start()
  await until('the others are there', () => events.length === journal().length - 1)
  const parts = () =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.part'))
  await until('it is on its way', () => parts().length === 1)

  await daemon.stop()
  expect(parts()).toEqual([])
  await start()
  await until('the last one is there', () => events.length === journal().length)

  expect(await hashesIn(directory)).toEqual(sorted(journal()))
})

test('clips of several accounts are downloaded side by side, each to its own place', async () => {
  const accounts = [home(1), home(1, { id: 8022, region: 'u011' })].map((account) => ({
    ...account,
    modules: account.modules.map((module) => ({
      ...module,
      clips: [{ id: 1, cameraName: 'Door', size: 40, createdAt: '2026-11-20T10:00:00+00:00' }],
    })),
  }))
  const { events, directory, start } = await world(accounts)

  await start({ CLIPS_NAME: '{account}/{camera}/{time}.mp4' })
  await until('both are there', () => events.length >= 2)

  expect(events.map(({ accountId, path }) => `${accountId} ${path}`).toSorted()).toEqual([
    '8021 8021/Door/20261120T100000Z.mp4',
    '8022 8022/Door/20261120T100000Z.mp4',
  ])
  expect((await filesIn(directory)).filter((path) => path.endsWith('.mp4'))).toHaveLength(2)
})
