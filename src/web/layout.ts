/**
 * The frame of every page, and the parts that pages share. Text from elsewhere is escaped by `html`, and what drives
 * the direction of writing is made visible.
 */
import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { visibleInLine } from '../domain/printable.ts'
import type { Words } from '../domain/words.ts'
import { assetPath } from './assets.ts'
import type { WebContext } from './context.ts'
import type { Part } from './live.ts'
import type { Message } from './messages.ts'

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>

const navigation = [
  ['', 'Overview'],
  ['accounts', 'Accounts'],
  ['modules', 'Sync modules'],
  ['clips', 'Clips'],
  ['log', 'Log'],
  ['settings', 'Settings'],
] as const

export interface Page {
  /** The page's one h1. */
  readonly title: string
  /** Where it stands in the navigation; absent for a page that is not shown there. */
  readonly place?: (typeof navigation)[number][0] | undefined
  readonly body: Html
  /** What the form before it has come to. */
  readonly message?: Message | undefined
  readonly status?: ContentfulStatusCode
  /** What makes the page load itself again while somebody looks; its elements with `data-part` and an id are replaced. */
  readonly live?: readonly (Part | 'all')[]
  /** Scripts of this page alone, by the names of their assets, and its style sheets. */
  readonly assets?: readonly string[]
}

/** Answers with a page. */
export async function show(c: WebContext, page: Page): Promise<Response> {
  const { title, place, body, message, status = 200, assets = [], live } = page
  const root = rootOf(c)
  const isOpen = place !== undefined
  const failed = message?.kind === 'failed'
  const asset = (name: string) =>
    name.endsWith('.css')
      ? html`<link rel="stylesheet" href="${root}${assetPath(name)}">`
      : html`<script src="${root}${assetPath(name)}" defer></script>`
  const document = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${failed ? 'Failed: ' : ''}${title} · blink-manifestd</title>
<link rel="icon" href="data:,">
${['style.css', ...assets, 'page.js'].map(asset)}
</head>
<body data-root="${root}">
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="name">blink-manifestd</p>
${isOpen ? nav(root, place) : ''}
</header>
<main id="main" tabindex="-1"${live ? html` data-live="${live.join(' ')}"` : ''}>
<h1>${title}</h1>
${message ? shownMessage(message) : ''}
${body}
</main>
<footer>${c.get('visit').isSignedIn ? postForm(c, 'logout', html`<button class="quiet">Lock this page</button>`) : ''}
<noscript><p>Times are in UTC.</p></noscript></footer>
</body>
</html>
`
  return c.html(document, status, { 'cache-control': 'no-store' })
}

function nav(root: string, place: string): Html {
  const items = navigation.map(
    ([path, name]) =>
      html`<li><a href="${root}${path}"${path === place ? html` aria-current="page"` : ''}>${name}</a></li>`,
  )
  return html`<nav aria-label="Pages"><ul>${items}</ul></nav>`
}

function shownMessage({ kind, sentences }: Message): Html {
  const role = kind === 'failed' ? 'alert' : 'status'
  return html`<div class="message ${kind}" role="${role}" id="message">${sentences.map((one) => html`<p>${written(one)}</p>`)}</div>`
}

/** The way from this request's address to the first page; every address is relative, so that any prefix works. */
export function rootOf(c: WebContext): string {
  const depth = c.req.path.split('/').length - 2
  return depth > 0 ? '../'.repeat(depth) : './'
}

/** A form that changes something; `inside` holds its fields and buttons. */
export function postForm(c: WebContext, action: string, inside: Html | readonly Html[]): Html {
  return html`<form method="post" action="${rootOf(c)}${action}"><input type="hidden" name="form_token" value="${c.get('visit').formToken}">${inside}</form>`
}

/** Goes on with another page after a form, with a message there. */
export function goTo(c: WebContext, path: string, messageKey?: string): Response {
  return c.redirect(`${rootOf(c)}${path}${messageKey === undefined ? '' : `?message=${messageKey}`}`, 303)
}

/** How exactly a time is shown. */
type Precision = 'seconds' | 'minutes'

/** A sentence with its times. */
export function written(words: Words, precision: Precision = 'seconds'): readonly (string | Html)[] {
  return words.map((word) => (typeof word === 'string' ? shown(word) : time(word.at, precision)))
}

/** Text from elsewhere, as a person may safely see it. */
export function shown(text: string): string {
  return visibleInLine(text)
}

/** A time as people read it: in UTC, and in the browser's zone where a script runs. */
export function time(at: number, precision: Precision = 'seconds'): Html {
  const iso = new Date(at).toISOString()
  const isShort = precision === 'minutes'
  return html`<time datetime="${iso}"${isShort ? html` data-short` : ''}>${iso.slice(0, 10)} ${iso.slice(11, isShort ? 16 : 19)} UTC</time>`
}

/** How long ago something was, which a script keeps up to date. */
export function age(at: number, now: number): Html {
  const seconds = Math.max(0, Math.round((now - at) / 1000))
  const [unit, size] = units.find(([, each]) => seconds >= each) ?? ['s', 1]
  return html`<span data-since="${new Date(at).toISOString()}">${Math.floor(seconds / size)} ${unit}</span>`
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** A state: its word, and a colour that says no more than the word. */
export function state(word: string, tone: 'good' | 'wait' | 'bad'): Html {
  return html`<span class="state ${tone}">${word}</span>`
}

export interface Table {
  readonly caption: string
  /** Whether the caption is for those only who do not see the page, since the h1 says the same. */
  readonly isCaptionUnseen?: boolean
  readonly heads: readonly string[]
  /** The first cell of each names the row. */
  readonly rows: readonly (readonly (string | number | Html)[])[]
  /** Of each row, for scripts that replace it. */
  readonly ids?: readonly string[]
}

/** A table that becomes blocks on narrow screens; the roles are those that browsers forget there. */
export function table({ caption, isCaptionUnseen = false, heads, rows, ids }: Table): Html {
  const cell = (content: string | number | Html, index: number) =>
    index === 0
      ? html`<th scope="row" role="rowheader">${content}</th>`
      : html`<td role="cell" data-head="${heads[index] ?? ''}"><div>${content}</div></td>`
  const row = (cells: Table['rows'][number], index: number) =>
    html`<tr role="row"${ids ? html` id="${ids[index] ?? ''}"` : ''}>${cells.map(cell)}</tr>`
  return html`<table role="table"><caption${isCaptionUnseen ? html` class="unseen"` : ''}>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads.map((head) => html`<th scope="col" role="columnheader">${head}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(row)}</tbody></table>`
}

/** Names and what belongs to them, as a list of descriptions. */
export function facts(
  pairs: readonly (readonly [name: string, value: string | number | Html | readonly (string | Html)[]])[],
): Html {
  return html`<dl class="facts">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}
