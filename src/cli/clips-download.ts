/**
 * `clips download`: one run that requests a manifest of every sync module and downloads its clips, until all of them
 * are on disk and their events delivered.
 */
import { SingleBar } from 'cli-progress'
import { type Daemon, openDaemon } from '../app.ts'
import type { ClipNew } from '../domain/clip.ts'
import { type Clock, iso } from '../domain/clock.ts'
import { AlreadyRunning } from '../domain/errors.ts'
import type { ModuleReport } from '../domain/model.ts'
import { ids, json } from '../domain/text.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'
import type { ClipsDownloadLine } from '../topics/cli-schemas.ts'
import { type CommonOptions, openContext } from './context.ts'
import { DownloadStatistics, type FailedClip } from './download-statistics.ts'
import { accountSentences, type ExitCode, exit } from './exit.ts'
import { isDelivered, runOnce, verdict } from './once.ts'
import { printable, type Terminal } from './terminal.ts'
import { version } from './version.ts'

/** In milliseconds since the epoch, or before now. */
export type Since = { readonly at: number } | { readonly agoMs: number }

export interface DownloadOptions {
  readonly since: Since | undefined
  readonly camera: string | undefined
  readonly all: boolean
}

export async function clipsDownload(
  terminal: Terminal,
  options: CommonOptions,
  { since, camera, all }: DownloadOptions,
): Promise<ExitCode> {
  const { loaded, log, clock } = await openContext(terminal, options, { quiet: true })
  const { settings } = loaded
  const statistics = new DownloadStatistics()
  const progress = options.json || !terminal.errIsTerminal ? undefined : progressBar(statistics, clock)
  const asLines = options.json || !terminal.outIsTerminal
  const begun = clock.elapsed()
  const from = since && ('at' in since ? since.at : clock.now() - since.agoMs)
  const daemon = await openUnlessRunning(settings.mqtt.baseTopic, {
    ...{ loaded, version, clock, log, umask: terminal.umask },
    download: {
      choice: { since: from, camera, all },
      watch: {
        chosen(module, clips, manifest) {
          statistics.chosen(module, clips, manifest.clips)
          progress?.show()
        },
        received(bytes) {
          statistics.received(bytes)
          progress?.show()
        },
      },
    },
    observers: [
      {
        clipSaved(clip) {
          const isChosen = statistics.saved(clip)
          if (isChosen && asLines) terminal.out(options.json ? jsonLine(savedLine(clip)) : savedText(clip))
          progress?.show()
        },
        clipTrouble: (module, trouble) => statistics.troubled(module, trouble),
      },
    ],
  })
  try {
    if (daemon.credentials === 0) {
      terminal.err('blink-manifestd: there is no Blink login. Sign in with `blink-manifestd login`.\n')
      return exit.login
    }
    const results = await downloaded(daemon, terminal.stop)
    progress?.stop()
    const delivering = { terminal, clock, what: 'messages', dataDir: settings.dataDir }
    const delivered = terminal.stop.aborted || (await isDelivered(daemon, delivering))
    const elapsedMs = clock.elapsed() - begun
    const reports = results.flatMap(({ report }) => report?.modules ?? [])
    const unseen = reports.filter((report) => !isSeen(report, statistics))
    terminal.out(
      options.json ? jsonSummary(statistics, unseen, elapsedMs) : textSummary(statistics, elapsedMs),
    )
    if (!options.json) terminal.err(explanation({ statistics, unseen, results, camera }))
    if (statistics.counts.left > 0 && terminal.stop.aborted)
      terminal.err('blink-manifestd: interrupted. Run it again for the rest.\n')
    return exitCode(verdict(results, reports, delivered), statistics, unseen)
  } finally {
    progress?.stop()
    await daemon.stop()
  }
}

/** A daemon that runs has the data directory, and can download at once as well. */
async function openUnlessRunning(base: string, needs: Parameters<typeof openDaemon>[0]): Promise<Daemon> {
  try {
    return await openDaemon(needs)
  } catch (error) {
    if (!(error instanceof AlreadyRunning)) throw error
    throw new AlreadyRunning(error.message, {
      cause: error,
      remedy:
        'With clips.enabled it downloads new clips by itself; a message to ' +
        `${base}/bridge/request/clips/sync has it do so now. For older clips, stop it first.`,
    })
  }
}

/** The run and its downloads, ended early when a person stops it: then nothing is left half-written. */
async function downloaded(daemon: Daemon, stop: AbortSignal): Promise<readonly AccountRunResult[]> {
  const end = () => void daemon.stop()
  const results = await Promise.race([runOnce(daemon, stop), daemon.failed])
  if (stop.aborted) end()
  stop.addEventListener('abort', end, { once: true })
  try {
    await Promise.race([daemon.clips?.idle(), daemon.failed])
  } finally {
    stop.removeEventListener('abort', end)
  }
  return results
}

/** Whether a module's clips are known by now, as far as it has a stick that can be requested. */
function isSeen(report: ModuleReport, statistics: DownloadStatistics): boolean {
  if (report.kind === 'requested') return statistics.hasSeen(report.module)
  return report.kind === 'skipped' || ['offline', 'no_storage', 'incompatible'].includes(report.outcome)
}

function exitCode(
  ofRun: ExitCode,
  statistics: DownloadStatistics,
  unseen: readonly ModuleReport[],
): ExitCode {
  if (ofRun !== exit.done) return ofRun
  const { failed, left } = statistics.counts
  return failed + left + unseen.length > 0 ? exit.temporary : exit.done
}

function jsonLine(line: ClipsDownloadLine): string {
  return `${json(line)}\n`
}

function savedLine(clip: ClipNew): ClipsDownloadLine {
  return {
    ...{ kind: 'clip', ...ids(clip), camera: clip.cameraName, created_at: iso(clip.createdAt) },
    ...{ state: 'saved', size_bytes: clip.bytes, path: clip.path, sha256: clip.sha256 },
    ...{ event_id: clip.eventId, reason: null, retry_at: null },
  }
}

function failedLine({ clip, reason, retryAt, ...module }: FailedClip): ClipsDownloadLine {
  return {
    ...{ kind: 'clip', ...ids(module), camera: clip.cameraName, created_at: iso(clip.createdAt) },
    ...{ state: 'failed', size_bytes: null, path: null, sha256: null, event_id: null },
    ...{ reason, retry_at: iso(retryAt) },
  }
}

function jsonSummary(
  statistics: DownloadStatistics,
  unseen: readonly ModuleReport[],
  elapsedMs: number,
): string {
  const { chosen, saved, failed, left, bytes } = statistics.counts
  const summary: ClipsDownloadLine = {
    ...{ kind: 'summary', chosen, saved, failed, left, size_bytes: bytes },
    ...{ elapsed_ms: Math.round(elapsedMs), sync_modules_failed: unseen.length },
  }
  return [...statistics.failed.map(failedLine), summary].map(jsonLine).join('')
}

function savedText(clip: ClipNew): string {
  const { createdAt, cameraName, bytes, path } = clip
  return `saved ${iso(createdAt)}  ${printable(cameraName) || '-'}  ${megabytes(bytes)}  ${path}\n`
}

function textSummary(statistics: DownloadStatistics, elapsedMs: number): string {
  const { chosen, saved, failed, left, bytes } = statistics.counts
  if (chosen === 0) return 'No clip to download.\n'
  const rest = [...(failed > 0 ? [`${failed} failed`] : []), ...(left > 0 ? [`${left} left`] : [])]
  const seconds = (elapsedMs / 1000).toFixed(1)
  const counted = `${saved} of ${clipsOf(chosen)} saved, ${megabytes(bytes)} in ${seconds} s`
  return `${[counted, ...rest].join(', ')}.\n`
}

interface Explained {
  readonly statistics: DownloadStatistics
  readonly unseen: readonly ModuleReport[]
  readonly results: readonly AccountRunResult[]
  readonly camera: string | undefined
}

/** Sentences on what did not go well. */
function explanation({ statistics, unseen, results, camera }: Explained): string {
  const clips = statistics.failed.map(({ clip, reason, retryAt }) => {
    const which = `${iso(clip.createdAt)} ${printable(clip.cameraName)}`.trim()
    return `blink-manifestd: clip ${which}: ${reason}, again from ${iso(retryAt)} on, or with --all\n`
  })
  const modules = unseen.map((report) => {
    const why = report.kind === 'failed' ? report.failure.message : 'its manifest could not be fetched'
    return `blink-manifestd: sync module ${printable(report.module.name)}: ${why}\n`
  })
  const accounts = results.flatMap(({ report, failure, account, status }) =>
    report?.modules.length || !failure ? [] : [accountSentences({ account, status, failure })],
  )
  const isUnknown = camera !== undefined && statistics.counts.chosen === 0 && statistics.cameras.length > 0
  const names = statistics.cameras.map(printable).join(', ')
  const hint = isUnknown ? [`The sticks have clips of these cameras: ${names}.\n`] : []
  return [...clips, ...modules, ...accounts, ...hint].join('')
}

function clipsOf(count: number): string {
  return count === 1 ? '1 clip' : `${count} clips`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

/** Clips, bytes, rate and the time that is left. */
function progressBar(statistics: DownloadStatistics, clock: Clock) {
  const bar = new SingleBar({
    format: 'downloading {bar} {value}/{total} clips, {size}, {rate}/s, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  })
  let begun = 0
  return {
    show() {
      const { chosen, saved, failed, received } = statistics.counts
      if (chosen === 0) return
      if (!bar.isActive) begun = clock.elapsed()
      const seconds = Math.max((clock.elapsed() - begun) / 1000, 0.1)
      const payload = { size: megabytes(received), rate: megabytes(received / seconds) }
      if (bar.isActive) bar.setTotal(chosen)
      else bar.start(chosen, 0, payload)
      bar.update(saved + failed, payload)
    },
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}
