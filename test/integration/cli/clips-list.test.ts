import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clipsList } from '../../../src/cli/clips-list.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'
import type { ClipFile, KnownClip } from '../../../src/domain/clip.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'

const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
const createdAt = Date.parse('2026-11-23T09:10:02.412Z')
const file: ClipFile = {
  ...{ path: 'Home/Hall/a.mp4', bytes: 1_440_320, sha256: 'ab', camera: '610003', requestId: '501' },
  ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', downloadedAt: createdAt + 60_000 },
}
const named = (cameraName: string, ageMs: number) => ({
  ...{ cameraName, createdAt: createdAt - ageMs, listedSize: 430 },
})
const retryAt = createdAt + 86_400_000
const clips: readonly KnownClip[] = [
  { ...named('Hall', 0), state: 'saved', file },
  { ...named('Bad\x1b[2J\u202e', 1_000), state: 'failed', reason: 'not_mp4', retryAt },
  { ...named('Hall', 2_000), state: 'removed' },
  { ...named('', 3_000), state: 'ready', file: { ...file, path: 'b.mp4' } },
]
const counts = { count: 3, waiting: 1, newestAt: createdAt, oldestAt: undefined, lastError: 'not_mp4' }

/** What `clips list` prints of a ledger with these clips, the last of which has left the stick. */
async function printed(json: boolean): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clips-list-'))
  const storage = await openStorage(dataDir, fakeClock(), readableLog())
  const rows: number[] = []
  for (const clip of clips) rows.push(await storage.clips.put(module, clip))
  await storage.clips.compared(module, {
    module: { requestId: '501', compared: true, counts },
    ...{ added: [], renamed: [], seen: rows.slice(0, -1), gone: rows.slice(-1), at: createdAt },
    event: {
      ...{ kind: 'manifest_ready', orderKey: 'manifest 1', expiresAt: createdAt },
      body: {
        ...{ ...module, eventId: file.eventId, requestId: '501', manifestId: '9', readyAt: 1 },
        ...{ clipCount: 3, newCount: 1, latencyMs: 4, clips: [] },
      },
    },
  })
  await storage.close()
  let out = ''
  const never = new AbortController().signal
  const terminal: Terminal = {
    env: { BLINK_MANIFESTD_DATA_DIR: dataDir },
    cwd: dataDir,
    out: (text) => {
      out += text
    },
    err: (text) => expect.fail(text),
    log: { write: () => true } as unknown as Terminal['log'],
    ...{ outClosed: never, stop: never, outIsTerminal: false, errIsTerminal: false },
  }
  expect(await clipsList(terminal, { config: undefined, overrides: new Map(), json })).toBe(0)
  return out
}

test('the table shows each module and clip, and no name can drive the terminal', async () => {
  const table = await printed(false)

  expect(table.split('\n')).toEqual([
    expect.stringMatching(/^Sync module +Name +On stick +Waiting +On disk +Failed +Megabytes +Last error$/),
    expect.stringMatching(/^8021\/44107\/350221 +- +3 +1 +1 +1 +1.4 +not_mp4$/),
    '',
    expect.stringMatching(/^Sync module +Recorded +Camera +State +On stick +File$/),
    expect.stringMatching(/^350221 +2026-11-23T09:10:02.412Z +Hall +saved +yes +Home\/Hall\/a.mp4$/),
    expect.stringMatching(/Bad\\u001b\[2J\\u202e +failed +yes +not_mp4, again 2026-11-24T09:10:02.412Z$/),
    expect.stringMatching(/Hall +removed +yes +-$/),
    expect.stringMatching(/ - +ready +no +-$/),
    '',
  ])
})

test('with --json each line says where its clip is', async () => {
  const lines = (await printed(true))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object)

  expect(lines).toMatchObject([
    { kind: 'sync_module', name: null, on_stick: 3, waiting: 1, on_disk: 1, size_bytes: 1_440_320 },
    { kind: 'clip', state: 'saved', on_stick: true, path: 'Home/Hall/a.mp4', size_bytes: 1_440_320 },
    { state: 'failed', camera: 'Bad\x1b[2J\u202e', reason: 'not_mp4', retry_at: '2026-11-24T09:10:02.412Z' },
    { state: 'removed', path: null },
    { state: 'ready', camera: '', on_stick: false, path: null },
  ])
})
