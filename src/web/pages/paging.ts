/** Long lists, a piece at a time. */
import { html } from 'hono/html'
import type { WebContext } from '../context.ts'
import { type Html, rootOf } from '../layout.ts'

export interface Paging {
  readonly page: number
  readonly pages: number
  /** The first and, not included, the last of the piece. */
  readonly from: number
  readonly to: number
}

/** The piece that the address names; the first where it names none. */
export function pageOf(c: WebContext, count: number, perPage: number): Paging {
  const pages = Math.max(1, Math.ceil(count / perPage))
  const wanted = Number(c.req.query('page') ?? 1)
  const page = Number.isInteger(wanted) ? Math.min(Math.max(wanted, 1), pages) : 1
  return { page, pages, from: (page - 1) * perPage, to: page * perPage }
}

/** Links to the other pieces; `query` is what else the address holds. */
export function pageLinks(
  c: WebContext,
  path: string,
  { page, pages }: Paging,
  query: Readonly<Record<string, string>> = {},
): Html | '' {
  if (pages < 2) return ''
  const link = (number: number, text: string) => {
    const search = new URLSearchParams({ ...query, page: String(number) })
    return html`<a href="${rootOf(c)}${path}?${search}">${text}</a>`
  }
  return html`<nav class="row" aria-label="Pieces of this list">${page > 1 ? link(page - 1, 'Before') : ''}
<span>${page} of ${pages}</span>${page < pages ? link(page + 1, 'After') : ''}</nav>`
}
