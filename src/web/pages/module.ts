/** One sync module: the last 24 hours as a picture and as a table, its last request IDs, and what is on its stick. */
import { html } from 'hono/html'
import { type Attempt, attemptsKeptMs, fateOf, type RequestFate } from '../../domain/attempt.ts'
import type { LedgerClip } from '../../domain/clip.ts'
import type { Clock } from '../../domain/clock.ts'
import type { ModuleSnapshot } from '../../domain/model.ts'
import type { StatusReader, Storage } from '../../domain/ports.ts'
import type { WebApp, WebContext } from '../context.ts'
import { age, facts, type Html, rootOf, show, shown, state, table, time } from '../layout.ts'
import type { Messages } from '../messages.ts'
import { commandForm, keyIn, modulePath, modulePattern } from './module-commands.ts'
import { copied, moduleState, nameOf, requestIdWithCopy, words } from './module-parts.ts'

interface ModuleNeeds {
  readonly status: Pick<StatusReader, 'module'>
  readonly storage: Pick<Storage, 'attempts' | 'clips'>
  readonly messages: Pick<Messages, 'read'>
  readonly clock: Pick<Clock, 'now'>
}

const [mostIds, mostClips] = [50, 50]
const hourMs = 60 * 60 * 1000

export function modulePage(app: WebApp, { status, storage, messages, clock }: ModuleNeeds): void {
  app.get(modulePattern, async (c) => {
    const key = keyIn(c)
    const snapshot = await status.module(key)
    if (!snapshot) return noModule(c)
    const now = clock.now()
    const attempts = await storage.attempts.of(key, now - attemptsKeptMs)
    const clips = snapshot.clips ? await storage.clips.clipsOf(key) : undefined
    const path = modulePath(key)
    const name = nameOf(snapshot)
    const body = html`<div class="row">${commandForm(c, { action: `${path}/request`, label: 'Request now', from: 'module' })}
<div id="polling" data-part>${commandForm(c, {
      action: `${path}/${snapshot.paused ? 'resume' : 'pause'}`,
      label: snapshot.paused ? 'Resume' : 'Pause',
      from: 'module',
    })}</div></div>
<div id="module" data-part>${about(snapshot, now)}</div>
<h2>The last 24 hours</h2>
<div id="chart" class="chart" data-keep data-source="${rootOf(c)}${path}/attempts" role="img" aria-label="Chart of the attempts of the last 24 hours; the table below says the same." hidden></div>
<div id="hours" data-part>${hours(attempts)}</div>
<h2>The last request IDs</h2>
<div id="ids" data-part>${lastIds(attempts, now)}</div>
${clips ? html`<h2>Clips</h2><div id="clips" data-part>${clipsOf(c, clips, snapshot)}</div>` : ''}${copied}`
    return show(c, {
      ...{ title: name, place: 'modules', body, live: ['modules', 'clips', 'accounts'] },
      message: messages.read(c.req.query('message')),
      assets: ['uplot.css', 'uplot.js', 'chart.js'],
    })
  })

  app.get(`${modulePattern}/attempts`, async (c) => {
    const to = clock.now()
    const from = to - attemptsKeptMs
    const attempts = await storage.attempts.of(keyIn(c), from)
    return c.json({ from, to, ...series(attempts) }, 200, { 'cache-control': 'no-store' })
  })
}

function noModule(c: WebContext): Promise<Response> {
  const body = html`<p>There is no such sync module. <a href="${rootOf(c)}modules">To the sync modules</a></p>`
  return show(c, { title: 'Not found', place: 'modules', body, status: 404 })
}

function about(snapshot: ModuleSnapshot, now: number): Html {
  const { record, intervalMs, nextAttemptAt, drive } = snapshot
  const { module, lastFailure, lastAccepted, lastAttemptAt } = record
  const failure = lastFailure
    ? html`${shown(lastFailure.message)}${lastFailure.remedy ? ` ${shown(lastFailure.remedy)}` : ''}`
    : 'none'
  const used = drive?.usedPercent === undefined ? [] : [['Stick', `${drive.usedPercent} % used`] as const]
  return facts([
    ['State', moduleState(snapshot)],
    [
      'Last request ID',
      lastAccepted
        ? html`${requestIdWithCopy(lastAccepted.requestId)} ${age(lastAccepted.requestedAt, now)} ago`
        : 'none yet',
    ],
    ['Last attempt', lastAttemptAt === undefined ? 'none yet' : time(lastAttemptAt)],
    ['Next', nextAttemptAt === undefined ? 'not planned' : time(nextAttemptAt)],
    ['Interval', intervalMs === undefined ? 'not regular' : `${Math.round(intervalMs / 1000)} s`],
    ['Failures in a row', record.failuresInARow],
    ['Last failure', failure],
    ['Requests in all', record.requestsTotal],
    ['Network', shown(module.networkName ?? module.networkId)],
    ['Model and firmware', shown(`${module.model ?? 'not known'}, ${module.firmware ?? 'not known'}`)],
    ['Drive', shown(words(module.storage ?? 'not known'))],
    ...used,
    ['Ids', html`<code>${module.accountId}/${module.networkId}/${module.syncModuleId}</code>`],
  ])
}

/** What the chart draws: the time of each attempt, and its value in one of three series. */
function series(attempts: readonly Attempt[]) {
  const skipped: readonly Attempt['outcome'][] = ['skipped', 'offline', 'no_storage', 'incompatible']
  const kindOf = ({ outcome }: Attempt) =>
    outcome === 'requested' ? 'accepted' : skipped.includes(outcome) ? 'skipped' : 'failed'
  return {
    at: attempts.map(({ at }) => at),
    accepted: attempts.map((one) => (kindOf(one) === 'accepted' ? (one.latencyMs ?? 0) : null)),
    failed: attempts.map((one) => (kindOf(one) === 'failed' ? 0 : null)),
    skipped: attempts.map((one) => (kindOf(one) === 'skipped' ? 0 : null)),
  }
}

/** The same in words: a row for each hour in which there was an attempt, the newest first. */
function hours(attempts: readonly Attempt[]): Html {
  if (attempts.length === 0)
    return html`<p>No attempt is kept: there was none while the page was on, or there are more than 1,000 modules.</p>`
  const byHour = Map.groupBy(attempts, ({ at }) => Math.floor(at / hourMs) * hourMs)
  const rows = [...byHour].toReversed().map(([hour, all]) => {
    const latencies = all.flatMap(({ latencyMs }) => latencyMs ?? []).toSorted((a, b) => a - b)
    const others = Map.groupBy(
      all.filter(({ outcome }) => outcome !== 'requested'),
      ({ outcome }) => outcome,
    )
    const rest = [...others].map(([outcome, some]) => `${some.length} ${words(outcome)}`).join(', ')
    return [
      html`from ${time(hour)}`,
      all.length,
      latencies.length,
      rest === '' ? 'none' : rest,
      milliseconds(latencies[Math.floor(latencies.length / 2)]),
      milliseconds(latencies.at(-1)),
    ]
  })
  const heads = ['Hour', 'Attempts', 'Accepted', 'Other outcomes', 'Median latency', 'Longest latency']
  return table({ caption: 'Attempts by hour, the newest first', heads, rows })
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? 'none' : `${Math.round(ms)} ms`
}

const tones: Readonly<Record<RequestFate, 'good' | 'wait' | 'bad'>> = {
  delivered: 'good',
  waiting: 'wait',
  expired: 'bad',
}
const fates: Readonly<Record<RequestFate, string>> = {
  delivered: 'delivered',
  waiting: 'waits for the broker',
  expired: 'expired undelivered',
}

function lastIds(attempts: readonly Attempt[], now: number): Html {
  const accepted = attempts.flatMap(({ at, latencyMs, accepted: one }) =>
    one ? [{ at, latencyMs, ...one }] : [],
  )
  if (accepted.length === 0) return html`<p>There is none of the last 24 hours.</p>`
  const newest = accepted.slice(-mostIds).toReversed()
  const rows = newest.map((one) => {
    const fate = fateOf(one, now)
    const took = one.deliveredAt === undefined ? '' : html` after ${Math.max(0, one.deliveredAt - one.at)} ms`
    return [
      html`<code>${one.requestId}</code>`,
      time(one.at),
      milliseconds(one.latencyMs),
      html`${state(fates[fate], tones[fate])}${took}`,
      time(one.expiresAt),
    ]
  })
  return table({
    caption: 'The newest first',
    heads: ['Request ID', 'Requested', 'Latency', 'Fate', 'Expires'],
    rows,
  })
}

function clipsOf(c: WebContext, clips: readonly LedgerClip[], { clips: counts }: ModuleSnapshot): Html {
  const newest = clips.toSorted((a, b) => b.createdAt - a.createdAt).slice(0, mostClips)
  const sums = counts
    ? html`<p>${counts.count} on the stick, ${counts.waiting} to be downloaded, ${counts.downloaded} on disk, ${counts.failed} failed.</p>`
    : ''
  if (newest.length === 0) return html`${sums}`
  const rows = newest.map((clip) => [
    time(clip.createdAt),
    shown(clip.cameraName) || 'no name',
    html`<a href="${rootOf(c)}clips/${clip.row}">${clipWord(clip)}</a>`,
  ])
  return html`${sums}${table({ caption: 'The newest clips that were looked at', heads: ['Recorded', 'Camera', 'State'], rows })}`
}

/** A clip's state for a person. */
export function clipWord(clip: Pick<LedgerClip, 'state'>): string {
  switch (clip.state) {
    case 'saved':
      return 'on disk'
    case 'ready':
      return 'almost on disk'
    case 'listed':
      return 'on the stick only'
    case 'removed':
      return 'removed by retention'
    case 'failed':
      return 'failed'
  }
}
