/**
 * The composition root: builds every part once, in order; stop is the reverse.
 *
 *   schedule -> runner -> account run -> ledger and outbox -> delivery -> broker
 *
 * The two halves share nothing but the outbox: a dead broker never delays a run, a dead cloud never delays a delivery.
 * Whatever is thrown that nobody expects reaches `failed`.
 */
import { openRegistry } from './accounts/registry.ts'
import { type Clips, type ClipsNeeds, openClips } from './clips/open.ts'
import { accountCommandHandler, commandHandler } from './commands/handler.ts'
import { followsManifests, type LoadedSettings, shownValues } from './config/settings.ts'
import type { LogTail } from './domain/diagnostics.ts'
import { createNotifier } from './domain/notifier.ts'
import type { Log, LogLevel, Observer, Runtime, StatusReader, Storage } from './domain/ports.ts'
import { leaveToDaemon, openHomeAssistant } from './homeassistant/publisher.ts'
import { openScheduler, type Scheduler } from './scheduler/scheduler.ts'
import { statusReader } from './scheduler/status.ts'
import { openStorage } from './storage/open.ts'
import { openBroker } from './topics/broker.ts'
import { openInstancePublishing, openPublishing, type Publishing } from './topics/publishing.ts'

export interface DaemonNeeds extends Pick<Runtime, 'clock'> {
  readonly loaded: LoadedSettings
  readonly version: string
  /** With a level when that may be changed while running. */
  readonly log: Log & { level?: LogLevel }
  /** Of the files of clips, which others may read unless this forbids it. */
  readonly umask?: number | undefined
  /** Of a daemon that others can discover and send commands; absent for a single run. */
  readonly service?: { readonly logTail: LogTail }
  readonly observers?: readonly Observer[]
  /** Clips to download in a single run, whatever the settings say about clips. */
  readonly download?: Pick<ClipsNeeds, 'choice' | 'watch'>
}

export interface Daemon {
  readonly status: StatusReader
  readonly outbox: Pick<Storage['outbox'], 'count'>
  /** How many credentials there are. */
  readonly credentials: number
  /** Where the built-in broker listens. */
  readonly brokerPort: number | undefined
  /** Where a browser on this machine finds the page. */
  readonly pageUrl: string | undefined
  /** Absent where manifests are not followed. */
  readonly clips: Pick<Clips, 'directory' | 'idle'> | undefined
  /** Runs by the schedule from now on, and one at once where the settings say so. */
  start(): void
  /** One run of all accounts, without offsets. */
  readonly once: Scheduler['once']
  /** Resolves when everything has been acknowledged; rejects when `signal` is aborted first. */
  drained(signal: AbortSignal): Promise<void>
  /** Rejects when something happened that nobody expected; never resolves. */
  readonly failed: Promise<never>
  /** Ends within ten seconds and loses nothing; safe to call twice. */
  stop(): Promise<void>
}

/** How long a stop waits for deliveries, and how often a drain looks again. */
const [drainMs, lookMs] = [1_500, 20]

/**
 * Opens the daemon's parts; nothing is requested before `start` or `once`.
 *
 * @throws ConfigInvalid, AlreadyRunning or StoreFailed, with everything opened so far closed again
 */
export async function openDaemon(needs: DaemonNeeds): Promise<Daemon> {
  await using opened = new AsyncDisposableStack()
  const { loaded, version, clock, log, service } = needs
  const { settings } = loaded
  const takesCommands = service !== undefined
  const { promise: failed, reject: fail } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  const notify = createNotifier(log)

  const joined = { settings, notify, isDaemon: takesCommands, clock, log, fail }
  const fleet = settings.store.url ? await (await import('./fleet/fleet.ts')).openFleet(joined) : undefined
  const storage = fleet?.storage ?? (await openStorage(settings.dataDir, clock, log, notify))
  opened.defer(() => fleet?.stop() ?? storage.close())
  const common = { settings, storage, notify, clock, log, fail }
  const registry = await openRegistry({ ...common, observer: notify, shared: fleet })
  opened.defer(() => registry.close())
  const scheduler = openScheduler({ ...common, registry, begin: fleet?.begin })
  const { times, stopping } = scheduler
  const accounts = fleet ? await fleet.show(registry) : registry

  const { installId } = storage.installation
  const role = fleet && ({ kind: 'instance', name: fleet.name } as const)
  const mqtt = await openBroker({ mqtt: settings.mqtt, installId, role, clock, log })
  opened.defer(() => mqtt.close())
  const { download } = needs
  const follows = takesCommands && followsManifests(settings)
  const seen = { registry: accounts, storage, times, broker: mqtt.broker, clock }
  const status = statusReader({ version, settings, ...seen })
  const published = { ...common, status, mqtt }
  const assistant =
    takesCommands && !fleet ? openHomeAssistant({ ...published, version }, stopping) : undefined
  const logLevel = {
    get: () => log.level ?? settings.log.level,
    set(level: LogLevel) {
      log.level = level
    },
  }
  const shown = { version, settings: shownValues(loaded.shown), logLevel: logLevel.get }
  const commands = {
    ...{ settings, storage, status, clock, logLevel },
    ...{ runner: scheduler, observer: notify, limits: fleet?.storage.callers },
  }
  const everywhere = fleet
    ? fleet.handler({ ...commands, accounts })
    : commandHandler({ ...commands, registry })
  const handle = takesCommands ? everywhere : undefined
  async function publish(): Promise<Publishing> {
    if (fleet) return openInstancePublishing({ ...published, shown, holding: fleet.holding })
    const reader = assistant ? assistant.reader : await leaveToDaemon(storage, log)
    return openPublishing({ ...published, shown, reader, handle })
  }
  const publishing = await publish()
  opened.defer(() => publishing.close())
  notify.add(scheduler.observer, ...publishing.observers)
  if (assistant) notify.add(assistant.observer)
  const clips =
    follows || download
      ? openClips({
          ...{ ...common, ...download, umask: needs.umask, observer: notify, instance: fleet?.name },
          ...{ account: registry.get.bind(registry), nextRun: scheduler.nextRun },
        })
      : undefined
  notify.add(...(clips?.observers ?? []))
  async function bundle() {
    const { credentials, limits, report } = storage
    const lines = service?.logTail.lines() ?? []
    const { supportBundle } = await import('./support/bundle.ts')
    return supportBundle({ loaded, version, credentials, limits, report, lines, clock, daemon: 'alive' })
  }
  const { listen, ingress } = settings.web
  const web =
    handle && service && (listen || ingress)
      ? await (await import('./web/web.ts')).openWeb({
          ...{ loaded, version, status, handle, storage, clock, log, fail },
          ...{ limits: () => accounts.accounts, shared: fleet?.page() },
          diagnostics: { logTail: service.logTail, bundle },
        })
      : undefined
  // A page of another instance shows what was requested here.
  const attempts = fleet && handle && !web ? await recordFor({ storage, clock, fail }) : undefined
  if (attempts) {
    opened.defer(() => attempts.close())
    notify.add(attempts.observer)
  }
  if (web) {
    opened.defer(() => web.close())
    notify.add(...web.observers)
    fleet?.elsewhere.add(...web.observers)
  }
  notify.add(...(needs.observers ?? []))

  async function drained(signal: AbortSignal): Promise<void> {
    while (await (fleet?.isWaiting() ?? hasEvents(storage))) await clock.sleep(lookMs, signal)
    await publishing.settled()
  }

  if (download) clips?.start().catch(fail)

  const parts = opened.move()
  const work = {
    ...{ runner: scheduler, carryOut: accountCommandHandler(commands), clips },
    isConnected: () => mqtt.broker.state.connected,
  }
  async function end(): Promise<void> {
    const begun = clock.elapsed()
    fleet?.stopping()
    log.info({ waiting: await waiting(storage) }, 'stopping')
    await Promise.all([web?.close(), clips?.stop()])
    await scheduler.stop()
    // What waits of other instances' accounts is theirs.
    if (fleet) await fleet.left()
    else if (mqtt.broker.state.connected) {
      const late = new AbortController()
      const over = clock.sleep(drainMs, late.signal)
      await Promise.race([drained(late.signal), over]).catch(() => undefined)
      late.abort(new Error('stopped'))
    }
    const left = await waiting(storage)
    await parts.disposeAsync()
    log.info({ waiting: left, ms: Math.round(clock.elapsed() - begun) }, 'stopped')
  }
  let ended: Promise<void> | undefined

  const known = () => (fleet ? accounts.accounts.length : registry.size)
  return {
    status,
    outbox: storage.outbox,
    credentials: known(),
    brokerPort: mqtt.port,
    pageUrl: web?.url,
    clips,
    once: () => fleet?.once(work) ?? scheduler.once(),
    start() {
      scheduler.start(known())
      clips?.start().catch(fail)
      if (fleet && handle) {
        fleet.start(work, { shown, status, handle })
        return
      }
      registry.watch(scheduler.runNow, stopping).catch(fail)
      storage.watch(stopping).catch(fail)
    },
    drained,
    failed,
    stop: () => (ended ??= end()),
  }
}

async function hasEvents({ outbox }: Storage): Promise<boolean> {
  return (await outbox.count()) > 0
}

async function recordFor({ storage, ...common }: Pick<Runtime, 'clock' | 'fail'> & { storage: Storage }) {
  const { recordAttempts } = await import('./web/attempts.ts')
  return recordAttempts({ ...common, history: storage.attempts, ledger: storage.ledger })
}

/** How many items wait, for the log; an unreadable disk is no reason not to end in order. */
async function waiting({ outbox }: Storage): Promise<number | undefined> {
  return outbox.count().catch(() => undefined)
}
