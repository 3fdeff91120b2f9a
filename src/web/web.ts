/**
 * The page: for people who look, sign in and watch. Loaded only when `web.listen` or `web.ingress` is set.
 *
 * One program answers on two listeners that share nothing but it: `direct`, which asks for the password, and `ingress`,
 * where Home Assistant has asked. Which one a request came by is decided by its socket.
 */
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { CommandHandler } from '../commands/handler.ts'
import { signInDialogue } from '../commands/sign-in-dialogue.ts'
import { followsManifests, type LoadedSettings } from '../config/settings.ts'
import type { Diagnostics } from '../domain/diagnostics.ts'
import { DaemonError } from '../domain/errors.ts'
import type { InstanceView } from '../domain/fleet.ts'
import type { Observer, Runtime, StatusReader, Storage, WebSessions } from '../domain/ports.ts'
import { freeBytes } from '../storage/disk-reserve.ts'
import { serveAssets } from './assets.ts'
import { recordAttempts } from './attempts.ts'
import type { WebApp, WebEnv } from './context.ts'
import { limitedBodies, peersAndHosts, sameOrigin, securityHeaders } from './guard.ts'
import { metricsRoute, probes, statusRoute } from './health.ts'
import { rootOf, show } from './layout.ts'
import { type Listener, openListener } from './listeners.ts'
import { createLive } from './live.ts'
import { memorySessions } from './memory-sessions.ts'
import { createMessages } from './messages.ts'
import type { Metrics, MetricsNeeds } from './metrics.ts'
import { accountsPages } from './pages/accounts.ts'
import { clipsPages } from './pages/clips.ts'
import { lockPages } from './pages/lock.ts'
import { logPage } from './pages/log.ts'
import { modulePage } from './pages/module.ts'
import { moduleCommands } from './pages/module-commands.ts'
import { modulesPage } from './pages/modules.ts'
import { type EndedRun, lastRunObserver, overviewPage } from './pages/overview.ts'
import { settingsPage } from './pages/settings.ts'
import { signInPages } from './pages/sign-in.ts'
import { createSessions } from './session.ts'

/** What the pages of several daemons have in common. */
export interface SharedPage {
  readonly sessions: WebSessions
  readonly formKey: Uint8Array
  /** The daemons, and what each does. */
  readonly instances: () => Promise<readonly InstanceView[]>
  /** The last run that ended for all accounts, whoever worked on them. */
  readonly lastRun: () => Promise<EndedRun | undefined>
  /** What this one is called among them. */
  readonly instance: string
  /** How many accounts this one works on now. */
  readonly accountsInWork: () => number
  readonly holdsBridge: () => boolean
}

export interface WebNeeds extends Runtime {
  readonly loaded: LoadedSettings
  readonly version: string
  readonly status: StatusReader
  readonly handle: CommandHandler
  readonly storage: Storage
  /** What limits the requests of each account. */
  readonly limits: MetricsNeeds['limits']
  readonly diagnostics: Diagnostics
  /** Where several daemons serve the same page. */
  readonly shared?: SharedPage | undefined
}

/** The page without its sockets. */
export interface Web {
  readonly app: WebApp
  readonly observers: readonly Observer[]
  /** Ends what is under way; a sign-in that was cut off goes on at the next visit. */
  stop(): Promise<void>
}

/** An answer of the cloud may hold the only good token, but a stop has an end. */
const stopMs = 5_000

/** @param metrics absent where nobody may read them */
export function createWeb(needs: WebNeeds, metrics?: Metrics): Web {
  const { status, storage, diagnostics, clock, log } = needs
  const { settings, shown } = needs.loaded
  const stopping = new AbortController()
  const { origins, password } = settings.web
  const { installId } = storage.installation
  const { sessions: store = memorySessions(clock), formKey = clock.randomBytes(32) } = needs.shared ?? {}
  const sessions = createSessions({ password, origins, installId, store, formKey, clock })
  const messages = createMessages(clock)
  const lastRun = lastRunObserver(clock)
  const { lastRun: readLastRun = async () => lastRun.read() } = needs.shared ?? {}
  const live = createLive(clock)
  const { attempts: history, ledger } = storage
  const attempts = recordAttempts({ history, ledger, clock, fail: needs.fail })
  const app: WebApp = new Hono<WebEnv>()

  app.use(securityHeaders(), peersAndHosts(origins))
  serveAssets(app)
  probes(app, status)
  if (metrics) metricsRoute(app, metrics, settings.web.metrics === 'all' ? 'all' : 'loopback')
  app.use(limitedBodies, sessions.visit, sameOrigin(origins))
  lockPages(app, { sessions, messages, log })
  statusRoute(app, { status, clock })
  live.serve(app)
  const dialogue = signInDialogue({ settings, clock, log, signal: stopping.signal })
  accountsPages(app, { ...needs, dialogue, messages })
  signInPages(app, { dialogue, messages })
  overviewPage(app, { ...needs, settings, messages, lastRun: readLastRun })
  moduleCommands(app, { ...needs, messages })
  modulesPage(app, { ...needs, messages })
  modulePage(app, { ...needs, messages })
  clipsPages(app, { ...needs, settings })
  logPage(app, diagnostics.logTail)
  settingsPage(app, { ...needs, ...diagnostics, shown })

  app.notFound((c) => {
    if (!c.get('visit')) return c.text('Not found.\n', 404)
    const body = html`<p>There is no such page. <a href="${rootOf(c)}">To the overview</a></p>`
    return show(c, { title: 'Not found', body, status: 404 })
  })
  app.onError((error, c) => {
    if (stopping.signal.aborted) return c.text('The program stops.\n', 503)
    if (error instanceof DaemonError) {
      // Where the database is, is nobody's business who has not signed in, or of whom that cannot be said.
      const isOpen = c.get('visit') && sessions.isOpenTo(c)
      const text = isOpen ? `${error.message}\n${error.remedy ?? ''}` : 'Not now; the log says why.'
      return c.text(`${text}\n`, 503)
    }
    log.error({ path: c.req.routePath, detail: error.stack ?? error.message }, 'page failed')
    return c.text('Something went wrong; the log says what.\n', 500)
  })

  async function stop(): Promise<void> {
    metrics?.close()
    live.close()
    const written = attempts.close()
    stopping.abort(new Error('stopped'))
    const late = new AbortController()
    await Promise.race([
      Promise.all([dialogue.settled(), written]),
      clock.sleep(stopMs, late.signal).catch(() => undefined),
    ])
    late.abort(new Error('settled'))
  }
  const observers = [
    lastRun.observer,
    live.observer,
    attempts.observer,
    ...(metrics ? [metrics.observer] : []),
  ]
  return { app, observers, stop }
}

/** By the directories' names, without those that cannot be looked at. */
async function freeBytesOf(
  directories: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, number>>> {
  const free: Record<string, number> = {}
  for (const [name, directory] of Object.entries(directories)) {
    const bytes = await freeBytes(directory).catch(() => undefined)
    if (bytes !== undefined) free[name] = bytes
  }
  return free
}

async function loadMetrics(needs: WebNeeds): Promise<Metrics | undefined> {
  const { status, storage, clock, version, limits } = needs
  const { settings } = needs.loaded
  if (settings.web.metrics === 'off') return undefined
  const { openMetrics } = await import('./metrics.ts')
  const { dataDir: data, clips } = settings
  const directories = { data, ...(followsManifests(settings) && { clips: clips.directory }) }
  return openMetrics({
    ...{ version, status, limits, clock, outbox: storage.outbox, shared: needs.shared },
    perModule: settings.web.metricsPerModule,
    diskFree: () => freeBytesOf(directories),
  })
}

export interface OpenWeb {
  readonly observers: readonly Observer[]
  /** Of the direct listener, where there is one. */
  readonly url: string | undefined
  close(): Promise<void>
}

/** @throws ConfigInvalid when a listener cannot be opened */
export async function openWeb(needs: WebNeeds): Promise<OpenWeb> {
  const { listen, ingress } = needs.loaded.settings.web
  const metrics = await loadMetrics(needs)
  const { app, observers, stop } = createWeb(needs, metrics)
  const opened: Listener[] = []
  const close = async () => {
    await Promise.all([stop(), ...opened.splice(0).map((one) => one.close())])
  }
  const answer: Parameters<typeof openListener>[0]['answer'] = (request, arrival) =>
    app.fetch(request, arrival)
  let url: string | undefined
  try {
    for (const [kind, place] of [
      ['direct', listen],
      ['ingress', ingress],
    ] as const) {
      if (!place) continue
      const listener = await openListener({ kind, place, answer, log: needs.log })
      opened.push(listener)
      if (kind === 'direct') url = listener.url
    }
  } catch (error) {
    await close()
    throw error
  }
  return { observers, url, close }
}
