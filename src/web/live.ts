/**
 * Notifies open pages of what has changed, as server-sent events. A page then loads itself again and replaces the parts that
 * differ, so there is one way only in which anything is shown.
 *
 * What waits for a client is a set of a few words, however slow it is, and there are only so many clients.
 */
import type { Clock } from '../domain/clock.ts'
import type { Observer } from '../domain/ports.ts'
import type { WebApp } from './context.ts'

/** What a page may show. */
export type Part = 'modules' | 'accounts' | 'clips' | 'state'

export interface Live {
  readonly observer: Observer
  /** How many streams are open. */
  readonly size: number
  /** Ends all streams. */
  close(): void
}

const mostStreams = 64
/** A run of many modules is one change for a person. */
const gatherMs = 1_000
/** Proxies end a connection on which nothing moves for a minute. */
const breathMs = 25_000
const retryMs = 3_000

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  readonly changed: Set<Part>
}

export function createLive(clock: Pick<Clock, 'after'>): Live & { serve(app: WebApp): void } {
  const clients = new Set<Client>()
  const encoder = new TextEncoder()
  let callOffFlush: (() => void) | undefined
  let callOffBreath: (() => void) | undefined

  function changed(part: Part): void {
    if (clients.size === 0) return
    for (const client of clients) client.changed.add(part)
    callOffFlush ??= clock.after(gatherMs, () => {
      callOffFlush = undefined
      clients.forEach(send)
    })
  }

  /** To whoever has taken what was sent before; the others get it together with what comes. */
  function send({ controller, changed: parts }: Client): void {
    if (parts.size === 0 || (controller.desiredSize ?? 0) <= 0) return
    controller.enqueue(encoder.encode(`event: change\ndata: ${[...parts].join(' ')}\n\n`))
    parts.clear()
  }

  function breathe(): void {
    callOffBreath ??= clock.after(breathMs, () => {
      callOffBreath = undefined
      for (const { controller } of clients) {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(':\n\n'))
      }
      if (clients.size > 0) breathe()
    })
  }

  function stream(): ReadableStream<Uint8Array> {
    let client: Client
    return new ReadableStream<Uint8Array>({
      start(controller) {
        client = { controller, changed: new Set() }
        clients.add(client)
        controller.enqueue(encoder.encode(`retry: ${retryMs}\n\n`))
        breathe()
      },
      pull: () => {
        // What has gathered while nobody read; the rest waits for its second.
        if (!callOffFlush) send(client)
      },
      cancel: () => void clients.delete(client),
    })
  }

  const state = () => changed('state')
  const modules = () => changed('modules')
  const accounts = () => changed('accounts')
  return {
    observer: {
      ...{ moduleFinished: modules, moduleChanged: modules, modulesListed: modules, eventDelivered: modules },
      ...{ accountChanged: accounts, accountRemoved: accounts },
      ...{ runFinished: state, connectionChanged: state, settingsChanged: state, eventsExpired: modules },
      ...{ clipsChanged: () => changed('clips'), clipTrouble: () => changed('clips') },
    },
    get size() {
      return clients.size
    },
    serve(app) {
      app.get('/live', (c) => {
        if (c.req.method === 'HEAD') return c.body(null)
        if (clients.size >= mostStreams) {
          return c.text('Too many pages are open.\n', 503, { 'retry-after': '30' })
        }
        return c.body(stream(), 200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          // Some proxies gather what they pass on.
          'x-accel-buffering': 'no',
        })
      })
    },
    close() {
      callOffFlush?.()
      callOffBreath?.()
      for (const { controller } of clients) controller.close()
      clients.clear()
    },
  }
}
