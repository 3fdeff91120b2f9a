/** All sync modules: state, last request ID, when the next one comes, and what a person can do about it. */
import { html } from 'hono/html'
import type { Clock } from '../../domain/clock.ts'
import type { ModuleSnapshot } from '../../domain/model.ts'
import type { StatusReader } from '../../domain/ports.ts'
import type { Words } from '../../domain/words.ts'
import type { WebApp, WebContext } from '../context.ts'
import { age, type Html, rootOf, show, shown, table, time, written } from '../layout.ts'
import type { Messages } from '../messages.ts'
import { commandForm, modulePath } from './module-commands.ts'
import { copied, moduleState, nameOf, requestIdWithCopy } from './module-parts.ts'
import { pageLinks, pageOf } from './paging.ts'

interface ModulesNeeds {
  readonly status: Pick<StatusReader, 'moduleKeys' | 'module'>
  readonly messages: Pick<Messages, 'read'>
  readonly clock: Pick<Clock, 'now'>
}

const perPage = 100

export function modulesPage(app: WebApp, { status, messages, clock }: ModulesNeeds): void {
  app.get('/modules', async (c) => {
    const keys = await status.moduleKeys()
    const paging = pageOf(c, keys.length, perPage)
    const snapshots = await Promise.all(keys.slice(paging.from, paging.to).map((key) => status.module(key)))
    const modules = snapshots.filter((one) => one !== undefined)
    const now = clock.now()
    const heads = ['Sync module', 'State', 'Last request ID', 'Age', 'Next', 'Failures in a row', 'Do']
    const listed = table({
      caption:
        keys.length > perPage
          ? `Sync modules ${paging.from + 1} to ${paging.from + modules.length}`
          : 'Sync modules',
      heads,
      rows: modules.map((one) => row(c, one, now)),
      ids: modules.map(
        ({ record: { module } }) => `module-${module.accountId}-${module.networkId}-${module.syncModuleId}`,
      ),
    })
    const none = html`<p>There is none yet: the first list of an account brings them.</p>`
    const body = html`<p class="lead" id="now" data-part aria-live="polite">${written(summary(keys.length, modules))}</p>
${keys.length > 0 ? commandForm(c, { action: 'modules/request', label: 'Request all now' }) : none}
<div id="modules" data-part>${modules.length > 0 ? listed : ''}</div>
${pageLinks(c, 'modules', paging)}${copied}`
    const message = messages.read(c.req.query('message'))
    return show(c, {
      title: 'Sync modules',
      place: 'modules',
      body,
      message,
      live: ['modules', 'accounts', 'state'],
    })
  })
}

function summary(count: number, modules: readonly ModuleSnapshot[]): Words {
  const many = `${count} sync ${count === 1 ? 'module' : 'modules'}`
  const newest = modules
    .flatMap(({ record: { lastAccepted } }) => lastAccepted ?? [])
    .toSorted((a, b) => b.requestedAt - a.requestedAt)[0]
  return newest
    ? [`${many}; the last request ID came at `, { at: newest.requestedAt }, '.']
    : [`${many}; no request ID yet.`]
}

function row(c: WebContext, snapshot: ModuleSnapshot, now: number): readonly (string | number | Html)[] {
  const { record, paused, nextAttemptAt } = snapshot
  const { module, lastAccepted } = record
  const path = modulePath(module)
  const name = nameOf(snapshot)
  const network =
    module.networkName === undefined ? '' : html`<span class="hint">${shown(module.networkName)}</span>`
  return [
    html`<a href="${rootOf(c)}${path}">${name}</a>${network}`,
    moduleState(snapshot),
    lastAccepted ? requestIdWithCopy(lastAccepted.requestId) : 'none yet',
    lastAccepted ? age(lastAccepted.requestedAt, now) : '',
    nextAttemptAt === undefined ? 'not planned' : time(nextAttemptAt),
    record.failuresInARow,
    html`<div class="row">${commandForm(c, { action: `${path}/request`, label: 'Request now', of: name })}${commandForm(
      c,
      {
        action: `${path}/${paused ? 'resume' : 'pause'}`,
        label: paused ? 'Resume' : 'Pause',
        of: name,
      },
    )}</div>`,
  ]
}
