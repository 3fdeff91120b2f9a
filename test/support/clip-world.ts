/** The simulated cloud's demo account, and daemons that download its clips into one directory, one after another. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ClipNew } from '../../src/domain/clip.ts'
import type { DurableEvent } from '../../src/domain/model.ts'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { hurried, startClipDaemon } from './clip-daemon.ts'
import { directoryWith } from './place.ts'
import { readableLog } from './rig.ts'

const quick = { manifestSeconds: 0.1, clipSeconds: 0.1, motionSeconds: 0 }

export async function world(accounts?: readonly AccountSpec[]) {
  const simulator = await startSimulator({ ...quick, ...(accounts && { accounts }) })
  onTestFinished(() => simulator.close())
  const dataDir = directoryWith()
  const directory = join(dataDir, 'clips')
  const { oauthUrl, restUrl } = simulator
  const tokens = accounts?.map(({ id }) => simulator.tokens(id)).join('\n') ?? simulator.tokens()
  const place = { dataDir, oauthUrl, restUrl, tokens }
  const events: ClipNew[] = []
  const eventDelivered = (event: DurableEvent) => {
    if (event.kind === 'clip_new') events.push(event.body)
  }
  const withClips = [
    [44107, 350221],
    [44108, 350222],
    [44114, 350228],
  ]
  const modules = withClips.map(
    ([network = 0, id = 0]) =>
      () =>
        simulator.module(network, id),
  )
  const journal = () => modules.flatMap((module) => [...module().journal()])
  const start = async (settings: Readonly<Record<string, string>> = {}, clock = hurried) => {
    const { log, lines } = readableLog()
    const daemon = await startClipDaemon({ ...place, settings, log, clock, observers: [{ eventDelivered }] })
    daemon.failed.catch((error: unknown) => expect.fail(String(error)))
    onTestFinished(() => daemon.stop())
    return { daemon, lines }
  }
  return { simulator, directory, place, events, journal, start }
}

/** Every file below a directory, hidden ones and those of others included. */
export async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

export async function hashesIn(directory: string): Promise<readonly string[]> {
  const clips = (await filesIn(directory)).filter((path) => path.endsWith('.mp4'))
  const hash = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  return (await Promise.all(clips.map(hash))).toSorted()
}

/** Their hashes. */
export const sorted = (records: readonly { readonly sha256: string }[]) =>
  records.map(({ sha256 }) => sha256).toSorted()
