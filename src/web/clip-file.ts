/**
 * A clip's file for a browser: by its id and never by a path, only from inside the directory of clips, in whole or in
 * the part that a player asks for.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Readable } from 'node:stream'
import type { ClipFile } from '../domain/clip.ts'
import { errorCode } from '../domain/file-failures.ts'
import type { WebContext } from './context.ts'

export interface OpenedClip extends AsyncDisposable {
  readonly handle: FileHandle
  readonly bytes: number
  readonly tag: string
  readonly modifiedAt: Date
}

/** Opens the file; `undefined` when it is not there, or a symbolic link leads out of the directory. */
export async function openClip(
  directory: string,
  { path, sha256 }: ClipFile,
): Promise<OpenedClip | undefined> {
  // Such a name cannot be asked for.
  if (path.includes('\0')) return undefined
  const name = join(directory, path)
  let handle: FileHandle | undefined
  try {
    // A pipe is opened at once that way, and refused below.
    handle = await open(name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const found = await handle.stat()
    const [root, real] = await Promise.all([realpath(directory), realpath(name)])
    const there = await stat(real)
    // Compared with what was opened: a directory on the way may have become a link meanwhile.
    const isIt = there.dev === found.dev && there.ino === found.ino
    if (!found.isFile() || !isIt || !real.startsWith(root.endsWith(sep) ? root : root + sep)) {
      await handle.close()
      return undefined
    }
    const opened = handle
    const tag = `"${sha256.slice(0, 32)}-${found.size.toString(36)}-${Math.floor(found.mtimeMs).toString(36)}"`
    return {
      ...{ handle: opened, bytes: found.size, tag, modifiedAt: found.mtime },
      [Symbol.asyncDispose]: () => opened.close(),
    }
  } catch (error) {
    await handle?.close()
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** Answers with the file or a part of it, and closes it. */
export async function sendClip(c: WebContext, clip: OpenedClip, fileName: string): Promise<Response> {
  const { bytes, tag, modifiedAt } = clip
  const headers = {
    'content-type': 'video/mp4',
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    etag: tag,
    'last-modified': modifiedAt.toUTCString(),
    'content-disposition': disposition(
      c.req.query('download') === undefined ? 'inline' : 'attachment',
      fileName,
    ),
  }
  const isHead = c.req.method === 'HEAD'
  if (isNamed(c.req.header('if-none-match'), tag)) {
    await clip.handle.close()
    return c.body(null, 304, headers)
  }
  const range = wantedRange(c, tag, bytes)
  if (range === 'none') {
    await clip.handle.close()
    return c.text('There is no such part.\n', 416, { 'content-range': `bytes */${bytes}` })
  }
  const { first, last } = range ?? { first: 0, last: bytes - 1 }
  const length = { 'content-length': String(last - first + 1) }
  const part = range ? { 'content-range': `bytes ${first}-${last}/${bytes}` } : {}
  const status = range ? 206 : 200
  if (isHead || bytes === 0) {
    await clip.handle.close()
    return c.body(null, status, { ...headers, ...length, ...part })
  }
  // Closes the file at its end, and when the browser goes away.
  const stream = clip.handle.createReadStream({ start: first, end: last })
  return c.body(Readable.toWeb(stream) as ReadableStream, status, { ...headers, ...length, ...part })
}

interface Range {
  readonly first: number
  readonly last: number
}

/** The part that is asked for; `none` when the file is too short, `undefined` for the whole. */
function wantedRange(c: WebContext, tag: string, bytes: number): Range | 'none' | undefined {
  const condition = c.req.header('if-range')
  if (condition !== undefined && condition !== tag) return undefined
  // Of several parts at once the whole is an answer too.
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header('range')?.trim() ?? '')
  const [, from = '', to = ''] = found ?? []
  if (!found || (from === '' && to === '')) return undefined
  if (from === '') {
    const length = Math.min(Number(to), bytes)
    return length === 0 ? 'none' : { first: bytes - length, last: bytes - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return undefined
  if (first >= bytes) return 'none'
  return { first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) }
}

function isNamed(header: string | undefined, tag: string): boolean {
  const tags = header?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? []
  return tags.includes(tag) || tags.includes('*')
}

/** A name may hold anything that a file's name may. */
function disposition(kind: 'inline' | 'attachment', name: string): string {
  const plain = name.replace(/[^\w .()-]/g, '_')
  const whole = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16)}`,
  )
  return `${kind}; filename="${plain}"; filename*=UTF-8''${whole}`
}
