/**
 * `clips list`: what is on the sticks, as the last manifests had it, and what is on disk. Works beside running
 * daemons.
 */
import { openStore } from '../commands/store.ts'
import type { KnownClip } from '../domain/clip.ts'
import { iso, systemClock } from '../domain/clock.ts'
import { ids, json, timeOrNull } from '../domain/text.ts'
import type { ModuleClips } from '../storage/clip-snapshot.ts'
import type { ClipsListLine } from '../topics/cli-schemas.ts'
import { type CommonOptions, readSettings } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import { plainTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'

export async function clipsList(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  const { settings } = readSettings(terminal, options)
  await using store = await openStore({ settings, clock: systemClock })
  const modules = await store.moduleClips()
  if (options.json) terminal.out(modules.flatMap(lines).join(''))
  else if (modules.length > 0) terminal.out(`${tables(modules)}\n`)
  if (modules.length === 0) {
    terminal.err('No manifest has been followed yet. Set clips.enabled or manifest.follow for the daemon.\n')
  }
  return exit.done
}

/** A line for the sync module and one for each of its clips. */
function lines(one: ModuleClips): readonly string[] {
  return [moduleLine(one), ...one.clips.map((each) => clipLine(one, each))].map((line) => `${json(line)}\n`)
}

function moduleLine({ key, module, kept, clips }: ModuleClips): ClipsListLine {
  const { onDisk, failed, bytes } = sumsOf(clips)
  return {
    kind: 'sync_module',
    ...ids(key),
    name: module?.name ?? null,
    network_name: module?.networkName ?? null,
    on_stick: kept?.counts.count ?? null,
    waiting: kept?.counts.waiting ?? null,
    on_disk: onDisk,
    failed,
    size_bytes: bytes,
    newest_at: timeOrNull(kept?.counts.newestAt),
    oldest_at: timeOrNull(kept?.counts.oldestAt),
    last_error: kept?.counts.lastError ?? null,
  }
}

function clipLine({ key }: ModuleClips, { clip, onStick }: ModuleClips['clips'][number]): ClipsListLine {
  const file = fileOf(clip)
  return {
    kind: 'clip',
    ...ids(key),
    camera: clip.cameraName,
    created_at: iso(clip.createdAt),
    state: clip.state,
    on_stick: onStick,
    listed_size: clip.listedSize ?? null,
    size_bytes: file?.bytes ?? null,
    path: file?.path ?? null,
    sha256: file?.sha256 ?? null,
    downloaded_at: timeOrNull(file?.downloadedAt),
    reason: clip.state === 'failed' ? clip.reason : null,
    retry_at: clip.state === 'failed' ? iso(clip.retryAt) : null,
  }
}

/** The sync modules, and below them the clips. */
function tables(modules: readonly ModuleClips[]): string {
  const heads = ['Sync module', 'Name', 'On stick', 'Waiting', 'On disk', 'Failed', 'Megabytes', 'Last error']
  const rows = modules.map(({ key, module, kept, clips }) => {
    const { onDisk, failed, bytes } = sumsOf(clips)
    const counts = [kept?.counts.count ?? '-', kept?.counts.waiting ?? '-', onDisk, failed]
    const lastError = printable(kept?.counts.lastError ?? '-')
    return [nameOf(key), printable(module?.name ?? '-'), ...counts, (bytes / 1e6).toFixed(1), lastError]
  })
  const clips = modules.flatMap((one) =>
    one.clips.map(({ clip, onStick }) => [
      ...[one.key.syncModuleId, iso(clip.createdAt), printable(clip.cameraName) || '-'],
      ...[clip.state, onStick ? 'yes' : 'no', printable(placeOf(clip))],
    ]),
  )
  const clipHeads = ['Sync module', 'Recorded', 'Camera', 'State', 'On stick', 'File']
  const parts = [plainTable(heads, rows), ...(clips.length > 0 ? [plainTable(clipHeads, clips)] : [])]
  return parts.join('\n\n')
}

function nameOf({ accountId, networkId, syncModuleId }: ModuleClips['key']): string {
  return `${accountId}/${networkId}/${syncModuleId}`
}

function sumsOf(clips: ModuleClips['clips']) {
  const saved = clips.flatMap(({ clip }) => (clip.state === 'saved' ? [clip.file.bytes] : []))
  const failed = clips.filter(({ clip }) => clip.state === 'failed').length
  return { onDisk: saved.length, failed, bytes: saved.reduce((sum, each) => sum + each, 0) }
}

function fileOf(clip: KnownClip) {
  return clip.state === 'saved' ? clip.file : undefined
}

function placeOf(clip: KnownClip): string {
  if (clip.state === 'failed') return `${clip.reason}, again ${iso(clip.retryAt)}`
  return fileOf(clip)?.path ?? '-'
}
