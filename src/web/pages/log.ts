/** The last lines of the log and the last answers of the cloud; nothing in them is secret. */
import { html } from 'hono/html'
import type { LogTail, TailLine } from '../../domain/diagnostics.ts'
import type { WebApp, WebContext } from '../context.ts'
import { type Html, rootOf, show, shown, state, table, time } from '../layout.ts'
import { pageLinks, pageOf } from './paging.ts'

const perPage = 200
const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const
const longestQuery = 200

export function logPage(app: WebApp, tail: LogTail): void {
  app.get('/log', (c) => {
    const level = levels.find((one) => one === c.req.query('level')) ?? 'info'
    const query = (c.req.query('search') ?? '').slice(0, longestQuery)
    const found = tail
      .lines()
      .filter((line) => isAtLeast(line, level) && matches(line, query))
      .toReversed()
    const paging = pageOf(c, found.length, perPage)
    const rows = found
      .slice(paging.from, paging.to)
      .map((line) => [time(line.at), levelOf(line), html`${shown(line.message)}${fieldsOf(line)}`])
    const many = `${found.length} ${found.length === 1 ? 'line' : 'lines'}`
    const body = html`${form(c, level, query)}
<p class="hint" id="now" data-part>${many}, the newest first. Debug lines are there for answers of the cloud, and for the rest when log.level is debug.</p>
<div id="lines" data-part>${rows.length > 0 ? table({ caption: 'Log', heads: ['Time', 'Level', 'Line'], rows }) : ''}</div>
${pageLinks(c, 'log', paging, { level, search: query })}`
    return show(c, { title: 'Log', place: 'log', body, live: ['all'] })
  })
}

function isAtLeast(line: TailLine, level: TailLine['level']): boolean {
  return levels.indexOf(line.level) >= levels.indexOf(level)
}

/** Every word is somewhere in the line. */
function matches(line: TailLine, query: string): boolean {
  if (query.trim() === '') return true
  const text = `${line.message} ${JSON.stringify(line.fields)}`.toLowerCase()
  return query
    .toLowerCase()
    .trim()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

function levelOf({ level }: TailLine): Html {
  if (level === 'error') return state(level, 'bad')
  return level === 'warn' ? state(level, 'wait') : html`${level}`
}

function fieldsOf({ fields }: TailLine): Html | '' {
  const pairs = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return pairs.length === 0 ? '' : html`<span class="hint">${shown(pairs.join(' '))}</span>`
}

function form(c: WebContext, chosen: string, query: string): Html {
  const options = levels.map(
    (level) => html`<option value="${level}"${level === chosen ? html` selected` : ''}>${level}</option>`,
  )
  return html`<form class="row" method="get" action="${rootOf(c)}log" role="search">
<div class="field"><label for="level">From level</label><select id="level" name="level">${options}</select></div>
<div class="field"><label for="search">Words</label><input id="search" name="search" type="search" maxlength="${longestQuery}" value="${query}"></div>
<button class="quiet">Show</button></form>`
}
