/**
 * Which URLs may be requested at all, wherever they come from: a setting, a redirect, our own hand.
 *
 * The account belongs to somebody, and a path that is read in two ways is one that could erase a drive. So a path has
 * plain segments only: none that is empty, encoded, or parted by `;`. URLs are compared after `URL` has resolved dots
 * and backslashes, and so as they are sent.
 */

const segments = '(?:/[\\w.~-]+)*'

/** A path of the cloud, below whatever path the settings name; `{id}` stands for a number. */
export function pathBelow(path: string): RegExp {
  return new RegExp(`^${segments}${path.replaceAll('{id}', '[1-9]\\d*')}$`)
}

/** Whether calls below this URL can be requested. */
export function isUsableBase(url: URL): boolean {
  return isPlain(url) && url.search === '' && new RegExp(`^${segments}/?$`).test(url.pathname)
}

interface Wanted {
  readonly path: RegExp
  /** Whether the address may go on behind a `?`. */
  readonly query?: boolean | undefined
  /** Against which a relative URL is resolved; then nothing on another host is requestable. */
  readonly from?: string
}

/** The URL, or `undefined` when it may not be requested. */
export function requestable(text: string, { path, query = false, from }: Wanted): URL | undefined {
  if (!URL.canParse(text, from)) return undefined
  const url = new URL(text, from)
  if (!isPlain(url) || !path.test(url.pathname)) return undefined
  if (!query && url.search !== '') return undefined
  return from === undefined || url.origin === new URL(from).origin ? url : undefined
}

function isPlain({ protocol, hash, username, password }: URL): boolean {
  const isHttp = protocol === 'https:' || protocol === 'http:'
  return isHttp && hash === '' && username === '' && password === ''
}
