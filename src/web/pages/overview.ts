/** The first page: how things are, in one sentence, and then the parts. */
import { html } from 'hono/html'
import type { Settings } from '../../config/settings.ts'
import type { Clock } from '../../domain/clock.ts'
import { needsPerson } from '../../domain/failure.ts'
import type { InstanceView } from '../../domain/fleet.ts'
import type { AccountSnapshot, Health, RunCounts } from '../../domain/model.ts'
import type { Observer, StatusReader } from '../../domain/ports.ts'
import type { Words } from '../../domain/words.ts'
import { freeBytes } from '../../storage/disk-reserve.ts'
import type { WebApp } from '../context.ts'
import { facts, type Html, rootOf, show, shown, state, table, time, written } from '../layout.ts'
import type { Messages } from '../messages.ts'
import type { SharedPage, WebNeeds } from '../web.ts'
import { stateWord } from './accounts.ts'

/** What a run of all accounts has come to, and when. */
export interface EndedRun {
  readonly at: number
  readonly counts: Omit<RunCounts, 'elapsedMs'>
}

/** The last run of all accounts since the start. */
export interface LastRun {
  readonly observer: Observer
  read(): EndedRun | undefined
}

export function lastRunObserver(clock: Pick<Clock, 'now'>): LastRun {
  let last: ReturnType<LastRun['read']>
  const runFinished: Observer['runFinished'] = (run, counts) => {
    if (run.trigger !== 'command') last = { at: clock.now(), counts }
  }
  return { observer: { runFinished }, read: () => last }
}

const mostAccounts = 100

interface OverviewNeeds {
  readonly settings: Pick<Settings, 'dataDir'>
  readonly status: Pick<StatusReader, 'health'>
  readonly limits: WebNeeds['limits']
  readonly messages: Pick<Messages, 'read'>
  readonly lastRun: () => Promise<EndedRun | undefined>
  readonly shared?: Pick<SharedPage, 'instance' | 'instances'> | undefined
}

export function overviewPage(app: WebApp, needs: OverviewNeeds): void {
  const { settings, status, limits, messages, lastRun, shared } = needs
  app.get('/', async (c) => {
    const health = await status.health()
    const free = await freeBytes(settings.dataDir).catch(() => undefined)
    const last = await lastRun()
    const instances = await shared?.instances()
    const root = rootOf(c)
    // A fleet has many: those that are not as they should be come first.
    const accounts = health.accounts.toSorted((x, y) => Number(x.status === 'ok') - Number(y.status === 'ok'))
    const rows = accounts
      .slice(0, mostAccounts)
      .map((one) => [one.accountId, account(one, root), spentToday(one.accountId)])
    const body = html`<p class="lead" id="now" data-part aria-live="polite">${written(howThingsAre(health, last), 'minutes')}</p>
<div id="parts" data-part>${facts([
      ['Broker', broker(health)],
      ['Last run', lastRunText(last?.counts)],
      ['Request IDs that wait for the broker', health.waiting ?? 'not known'],
      ['Disk', disk(health, free)],
    ])}
${rows.length > 0 ? table({ caption: 'Accounts', heads: ['Account', 'State', 'Requests today'], rows }) : ''}
${accounts.length > rows.length ? html`<p>${accounts.length - rows.length} more are <a href="${root}accounts">among the accounts</a>.</p>` : ''}
${instances && shared ? instancesTable(instances, shared.instance) : ''}</div>`
    const live = ['state', 'accounts', 'modules'] as const
    return show(c, {
      title: 'Overview',
      place: '',
      body,
      live,
      message: messages.read(c.req.query('message')),
    })
  })

  function spentToday(accountId: string): string {
    const budget = limits().find((one) => one.accountId === accountId)?.budget
    return budget ? `${grouped(budget.spent)} of ${grouped(budget.limit)}` : 'not known'
  }
}

/** The one sentence. Pure. */
export function howThingsAre(
  { modules, nextRunAt, accounts }: Pick<Health, 'modules' | 'nextRunAt' | 'accounts'>,
  last: EndedRun | undefined,
): Words {
  const next: Words =
    nextRunAt === undefined ? ['no further run is planned.'] : ['next run ', { at: nextRunAt }, '.']
  if (accounts.length === 0) return ['No account is in use yet; ', ...next]
  const needy = accounts.filter(({ status }) => needsPerson(status)).length
  if (needy > 0 && needy === accounts.length)
    return ['Nothing is requested: somebody must sign in; ', ...next]
  if (!last) return [`Nothing was requested since the start; `, ...next]
  const { requested, failed, skipped } = last.counts
  const all = Math.max(modules ?? 0, requested + failed + skipped)
  return [
    `${requested} of ${all} ${all === 1 ? 'module' : 'modules'} answered at `,
    { at: last.at },
    '; ',
    ...next,
  ]
}

/** The daemons that share the work; what one of them does now, the next look may show of another. */
function instancesTable(instances: readonly InstanceView[], own: string): Html {
  const rows = instances.map(({ name, accountsInWork, seenAt, holdsBridge }) => [
    html`${shown(name)}${name === own ? ' (this page)' : ''}`,
    html`${grouped(accountsInWork)}`,
    html`${time(seenAt)}`,
    html`${holdsBridge ? 'yes' : 'no'}`,
  ])
  const heads = ['Instance', 'Accounts in work', 'Last seen', 'Holds the bridge']
  return table({ caption: 'Instances', heads, rows })
}

function lastRunText(counts: EndedRun['counts'] | undefined): string {
  if (!counts) return 'none since the start'
  const { requested, failed, skipped } = counts
  return `${requested} answered, ${failed} failed, ${skipped} skipped`
}

function broker({ broker: { connected, since, lastError } }: Health): readonly (string | Html)[] {
  if (connected) return [state('connected', 'good'), html` since ${time(since)}`]
  const why = lastError === undefined ? '' : html`: ${shown(lastError)}`
  return [state('not connected', 'bad'), html` since ${time(since)}${why}`]
}

function account({ status, since, detail, retryAt }: AccountSnapshot, root: string): Html {
  const link = needsPerson(status) ? html` <a href="${root}accounts">Sign in</a>` : ''
  const again = retryAt === undefined ? '' : html`, tried again at ${time(retryAt)}`
  const why = detail === undefined ? '' : html`: ${shown(detail)}`
  return html`${stateWord(status)} since ${time(since)}${again}${why}${link}`
}

function disk({ store }: Health, free: number | undefined): readonly (string | Html)[] {
  const room = free === undefined ? '' : `, ${(free / 1e9).toFixed(1)} GB free`
  if (store.state === 'ok') return [state('ok', 'good'), room]
  return [state('failing', 'bad'), room, store.detail === undefined ? '' : html`: ${shown(store.detail)}`]
}

/** A number for people: 26,064. */
function grouped(number: number): string {
  return number.toLocaleString('en')
}
