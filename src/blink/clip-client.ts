/**
 * The calls that lead from a request ID to clips.
 *
 * Each is one request; when to make it, how often and under which locks is the business of `clips/`.
 */
import type { ClipAddress, Manifest } from '../domain/clip.ts'
import { CloudChanged, CloudRefused } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { ClipCloud } from '../domain/ports.ts'
import type { ClipCallKind, HttpAnswer, Sink } from './api.ts'
import { readClipRequest, readCommand, readManifest, readStorageStatus } from './clip-wire.ts'

/** Sends a call with a good token to the account's region, and returns what came back. */
export type Send = (
  kind: ClipCallKind,
  path: string,
  options: { readonly signal: AbortSignal; readonly sink?: Sink },
) => Promise<{ readonly json: unknown; readonly bytes: HttpAnswer['bytes'] }>

/** No stick that we know of holds more; a list that never ends is no list. */
const mostPages = 100

/** The largest clips have some tens of megabytes. */
const mostClipBytes = 500_000_000

/** A slow line takes 500 MB in this time with 5 Mbit/s. */
const longestFileMs = 15 * 60_000

export function clipCalls(send: Send): Omit<ClipCloud, 'cameras' | 'requestManifest'> {
  /** Whether this account's cloud has only the newer of the two lists. */
  let onlyMedia = false

  async function firstPage(module: ModuleKey, requestId: string, signal: AbortSignal): Promise<Manifest> {
    if (!onlyMedia) {
      try {
        const { json } = await send('manifest', `${baseOf(module)}/manifest/request/${requestId}`, { signal })
        return readManifest(json)
      } catch (error) {
        if (!isNoSuchCall(error)) throw error
      }
    }
    const page = await mediaPage(module, requestId, { signal })
    onlyMedia = true
    return page
  }

  async function mediaPage(
    module: ModuleKey,
    requestId: string,
    { page, signal }: { readonly page?: string; readonly signal: AbortSignal },
  ): Promise<Manifest> {
    const query = page === undefined ? '' : `?pagination_key=${encodeURIComponent(page)}`
    const { json } = await send('media', `${baseOf(module)}/media/${requestId}${query}`, { signal })
    return readManifest(json, 'media')
  }

  return {
    /** @see BlinkMonitorProtocol 278a4cd, v1/accounts/get-local-storage-manifest.md; vistoda-blink, blink_storage.rs */
    async manifest(module, requestId, signal) {
      const first = await firstPage(module, requestId, signal)
      const pages = [first]
      for (let page = first.nextPage; page !== undefined; page = pages.at(-1)?.nextPage) {
        if (pages.length === mostPages) throw endless()
        pages.push(await mediaPage(module, requestId, { page, signal }))
      }
      return {
        manifestId: first.manifestId,
        clips: pages.flatMap(({ clips }) => clips),
        unreadable: pages.reduce((sum, { unreadable }) => sum + unreadable, 0),
      }
    },

    /** @see BlinkMonitorProtocol 278a4cd, v1/accounts/request-local-storage-clip.md */
    async requestClip(module, address, { signal }) {
      const { json } = await send('clip_request', clipPath(module, address), { signal })
      return readClipRequest(json)
    },

    /** @see BlinkMonitorProtocol 278a4cd, unversioned/network/command.md */
    async command({ networkId }, commandId, signal) {
      const { json } = await send('command', `/network/${networkId}/command/${commandId}`, { signal })
      return readCommand(json)
    },

    async fetchClip(module, address, { sink, signal }) {
      const limits = { mostBytes: mostClipBytes, timeoutMs: longestFileMs }
      const { bytes } = await send('clip', clipPath(module, address), {
        signal,
        sink: { ...limits, write: sink },
      })
      if (bytes === undefined) throw noFile()
      return bytes
    },

    /** @see luigibarretta/vistoda-blink, blink_storage_status.rs */
    async storageStatus(module, signal) {
      const { json } = await send('storage_status', `${baseOf(module)}/status`, { signal })
      return readStorageStatus(json)
    },
  }
}

function baseOf({ accountId, networkId, syncModuleId }: ModuleKey): string {
  return `/api/v1/accounts/${accountId}/networks/${networkId}/sync_modules/${syncModuleId}/local_storage`
}

function clipPath(module: ModuleKey, { manifestId, clipId }: ClipAddress): string {
  return `${baseOf(module)}/manifest/${manifestId}/clip/request/${clipId}`
}

/** A path that is not there, as opposed to an id that is not. */
function isNoSuchCall(error: unknown): boolean {
  return error instanceof CloudRefused && error.status === 404 && error.bodyCode === undefined
}

function endless(): CloudChanged {
  return new CloudChanged('media list: the answer has no last page', { outcome: 'not-done' })
}

function noFile(): CloudChanged {
  return new CloudChanged('clip: the answer is JSON and no file', { outcome: 'not-done' })
}
