/**
 * One account at Blink's cloud: its sync modules, and the request for a manifest.
 *
 * Each call gets a good token, and one second try with a new one when the cloud does not accept it. The
 * region, a part of the host name, is learned from the cloud. When the region's host is not there or does not
 * know the account, the region is looked up again: it was wrong from the start, or Blink has moved the account.
 */

import type { HomeCamera } from '../domain/clip.ts'
import type { Clock } from '../domain/clock.ts'
import { CloudRefused, CloudUnreachable } from '../domain/errors.ts'
import type { BlinkId, ManifestRequest, ModuleKey, SyncModule } from '../domain/model.ts'
import type { ClipCloud, Cloud, Log } from '../domain/ports.ts'
import { leastPauseMs } from '../domain/retry-policy.ts'
import type { Secret } from '../domain/secret.ts'
import { type CallKind, calls, gatewayRegion, regionOf, type Sink } from './api.ts'
import { clipCalls } from './clip-client.ts'
import { readCameras } from './clip-wire.ts'
import { HostUnknown } from './connection-errors.ts'
import type { Http } from './http.ts'
import { classify, TokenRefused } from './response.ts'
import type { Session } from './session.ts'
import { accountIdOf, readHomescreen, readManifestRequest, readTierInfo } from './wire.ts'

export interface CloudNeeds {
  readonly session: Session
  readonly http: Http
  /** For files, which may take minutes; `http` where nobody fetches any. */
  readonly fileHttp?: Http
  /** Where the API is; `{region}` in it is replaced. */
  readonly restUrl: string
  readonly clock: Clock
  readonly log: Log
}

/** Who the account is, and where. */
export interface Identity {
  readonly accountId: BlinkId
  readonly region: string
}

export interface AccountCloud extends Cloud {
  readonly clips: ClipCloud
  /** From the credentials, or else from the cloud, and then kept with them. */
  identify(signal: AbortSignal): Promise<Identity>
  /** From the cloud in any case, which shows whether the credentials work. */
  check(signal: AbortSignal): Promise<Identity>
}

/** How often at most the cloud answers the same question about the region. */
const regionCheckEveryMs = 60 * 60 * 1000

export function createCloud({
  session,
  http,
  fileHttp = http,
  restUrl,
  clock,
  log,
}: CloudNeeds): AccountCloud {
  const base = restUrl.replace(/\/+$/, '')
  const hasRegions = base.includes('{region}')
  const urlOf = (region: string, path: string) => `${base.replaceAll('{region}', region)}${path}`
  let regionCheckedAt: number | undefined
  let regionCheck: Promise<string | undefined> | undefined
  let unreadableBefore = 0
  /** Of the last home screen. */
  let cameras: readonly HomeCamera[] | undefined
  /** The last home screen, where it failed; `at` by the clock's elapsed milliseconds. */
  let homeFailure: { readonly error: unknown; readonly at: number } | undefined
  /** A home screen that came for its cameras, until somebody wants its sync modules. */
  let unused: { readonly modules: readonly SyncModule[]; readonly at: number } | undefined
  const restMs = () => (homeFailure ? homeFailure.at + leastPauseMs - clock.elapsed() : 0)

  /** Sends a call with a good token; with a new one again when the cloud refuses it. */
  async function request(kind: CallKind, url: string, signal: AbortSignal): Promise<unknown> {
    return (await exchange(kind, url, { signal })).json
  }

  async function exchange(
    kind: CallKind,
    url: string,
    { signal, sink }: { readonly signal: AbortSignal; readonly sink?: Sink | undefined },
  ) {
    const token = await session.accessToken(signal)
    try {
      return await send(token)
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      if (!session.tokenRefused(token)) throw stillRefused(kind, error)
    }
    const fresh = await session.accessToken(signal)
    try {
      return await send(fresh)
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      // The credentials are good: the cloud renewed them a moment ago.
      throw stillRefused(kind, error)
    }

    async function send(token: Secret) {
      // Enough for every client we know of. @see blinkpy e33bdef, blinkpy/auth.py, Auth.header
      const headers = {
        authorization: `Bearer ${token.reveal()}`,
        'content-type': 'application/json',
        accept: 'application/json',
      }
      const call = { kind, url, headers, ...(sink && { sink }) }
      const answer = await (sink ? fileHttp : http).request(call, signal)
      const json = classify({ kind, ...answer, now: clock.now() })
      session.tokenAccepted(token)
      return { json, bytes: answer.bytes }
    }
  }

  async function identify(signal: AbortSignal): Promise<Identity> {
    const { accountId, region } = known()
    if (accountId !== undefined && region !== undefined) return { accountId, region }
    return requestIdentity(signal)
  }

  function known(): { readonly [K in keyof Identity]: Identity[K] | undefined } {
    const { accountId, region } = session.credentials
    const usable = region === undefined ? undefined : regionOf(region)
    // Without regions in the address any will do, and none is looked up.
    return { accountId, region: usable ?? (hasRegions ? undefined : gatewayRegion) }
  }

  async function requestIdentity(signal: AbortSignal): Promise<Identity> {
    const answer = await request('tier_info', urlOf(gatewayRegion, '/api/v1/users/tier_info'), signal)
    const tier = readTierInfo(answer)
    const identity = { accountId: session.credentials.accountId ?? accountIdOf(tier), region: tier.region }
    await session.learn(identity)
    log.info({ account_id: identity.accountId, region: identity.region }, 'account found')
    return identity
  }

  async function homescreen(
    { accountId, region }: Identity,
    signal: AbortSignal,
  ): Promise<readonly SyncModule[]> {
    const url = urlOf(region, `/api/v3/accounts/${accountId}/homescreen`)
    const answer = await request('homescreen', url, signal).catch((error: unknown) => {
      homeFailure = { error, at: clock.elapsed() }
      throw error
    })
    homeFailure = undefined
    cameras = readCameras(answer)
    const { modules, unreadable } = readHomescreen(answer, accountId)
    if (unreadable !== unreadableBefore) {
      log.warn({ account_id: accountId, unreadable }, 'entries of the home screen without usable ids')
      unreadableBefore = unreadable
    }
    return modules
  }

  /** Sends a request to the account's region, and to its new one when the old one is wrong. */
  async function inRegion<T>(work: (identity: Identity) => Promise<T>, signal: AbortSignal): Promise<T> {
    const identity = await identify(signal)
    try {
      return await work(identity)
    } catch (error) {
      if (!hasRegions || !isWrongRegion(error)) throw error
      const confirmed = await currentRegion(signal)
      if (confirmed === undefined) throw error
      if (confirmed === identity.region) throw regionConfirmed(error)
      return work({ ...identity, region: confirmed })
    }
  }

  /** The region as the cloud names it, from within the last hour; `undefined` when the cloud cannot be reached. */
  function currentRegion(signal: AbortSignal): Promise<string | undefined> {
    const isRecent = regionCheckedAt !== undefined && clock.elapsed() - regionCheckedAt < regionCheckEveryMs
    if (isRecent) return Promise.resolve(known().region)
    regionCheck ??= checkRegion(signal).finally(() => {
      regionCheck = undefined
    })
    return regionCheck
  }

  async function checkRegion(signal: AbortSignal): Promise<string | undefined> {
    try {
      const { region } = await requestIdentity(signal)
      regionCheckedAt = clock.elapsed()
      return region
    } catch (error) {
      // With the network down the first failure says it better, and nothing has been answered.
      if (error instanceof CloudUnreachable) return undefined
      regionCheckedAt = clock.elapsed()
      throw error
    }
  }

  /**
   * The answer comes before the manifest exists; its id is the one to fetch the manifest with.
   *
   * @see BlinkMonitorProtocol 278a4cd, v1/accounts/request-local-storage-manifest.md
   * @see blinkpy e33bdef, blinkpy/api.py, request_local_storage_manifest
   */
  function requestManifest(module: ModuleKey, signal: AbortSignal): Promise<ManifestRequest> {
    return inRegion<ManifestRequest>(async ({ region }) => {
      const path = manifestPath(module)
      const requestId = readManifestRequest(await request('manifest_request', urlOf(region, path), signal))
      const pollPath = `${path}/${requestId}`
      return { requestId, pollPath, pollUrl: urlOf(region, pollPath) }
    }, signal)
  }

  return {
    identify,
    async check(signal) {
      const answer = await request('tier_info', urlOf(gatewayRegion, '/api/v1/users/tier_info'), signal)
      const tier = readTierInfo(answer)
      return {
        accountId: tier.accountId ?? session.credentials.accountId ?? accountIdOf(tier),
        region: tier.region,
      }
    },

    /** @see blinkpy e33bdef, blinkpy/api.py, request_homescreen */
    async discover(signal) {
      // Where the cameras were wanted a moment ago.
      if (restMs() > 0) await clock.sleep(restMs(), signal)
      const listed = unused
      unused = undefined
      if (listed && clock.elapsed() - listed.at < leastPauseMs) return listed.modules
      return inRegion((identity) => homescreen(identity, signal), signal)
    },

    requestManifest,

    clips: {
      requestManifest,
      ...clipCalls((kind, path, { signal, sink }) =>
        inRegion(({ region }) => exchange(kind, urlOf(region, path), { signal, sink }), signal),
      ),
      async cameras(signal) {
        if (cameras === undefined && restMs() > 0) throw homeFailure?.error
        if (cameras === undefined) {
          const modules = await inRegion((identity) => homescreen(identity, signal), signal)
          unused = { modules, at: clock.elapsed() }
        }
        return cameras ?? []
      },
    },
  }
}

function manifestPath({ accountId, networkId, syncModuleId }: ModuleKey): string {
  const module = `/api/v1/accounts/${accountId}/networks/${networkId}/sync_modules/${syncModuleId}`
  return `${module}/local_storage/manifest/request`
}

function stillRefused(kind: CallKind, error: TokenRefused): CloudRefused {
  const { says } = calls[kind]
  return new CloudRefused(`${says}: the cloud does not accept the access token it has just given us`, {
    cause: error,
    outcome: 'not-done',
    ...(error.status !== undefined && { status: error.status }),
    ...(error.bodyCode !== undefined && { bodyCode: error.bodyCode }),
    remedy:
      'If `account_id` was written by hand, is it the right one? Otherwise wait: the next run tries again.',
  })
}

/** The region's host failed although the cloud answers and names this region: then the machine is online. */
function regionConfirmed(error: CloudRefused | HostUnknown): CloudRefused | HostUnknown {
  if (!(error instanceof HostUnknown)) return error
  return new HostUnknown(error.message, {
    outcome: error.outcome,
    cause: error.cause,
    remedy:
      'Blink answers and names this region. Does a name server or a filter such as Pi-hole block this name?',
  })
}

/** A region's host that is not there, or that does not know the account: no word of the API itself in it. */
function isWrongRegion(error: unknown): error is CloudRefused | HostUnknown {
  if (error instanceof HostUnknown) return true
  return error instanceof CloudRefused && error.status === 404 && error.bodyCode === undefined
}
