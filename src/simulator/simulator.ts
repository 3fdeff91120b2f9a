/**
 * A stand-in for the Blink cloud, for tests, for demonstrations and for other clients.
 *
 * It answers as the captures say, and misbehaves on demand. It knows nothing of the daemon: both are held to
 * the same published answers, and a shared misreading would pass every test.
 */
import type { AccountSpec, CameraSpec, ClipSpec, ModuleSpec, PersonSpec } from './account-spec.ts'
import type { ClipTrouble, StruckClip } from './clip-trouble.ts'
import { Cloud, type ModuleChange, type ModuleState } from './cloud.ts'
import { commandRoutes } from './command-routes.ts'
import { control } from './control.ts'
import { demoAccount } from './demo-account.ts'
import { type Fault, Faults } from './fault.ts'
import { forbiddenRoutes } from './forbidden.ts'
import { homescreenRoutes } from './homescreen.ts'
import { localStorageRoutes } from './local-storage.ts'
import { type Motion, recordMotion } from './motion.ts'
import { networkRoutes } from './network-routes.ts'
import { accountOfRefresh, oauthRoutes } from './oauth.ts'
import { Router } from './router.ts'
import { type Call, CloudServer } from './server.ts'
import { signInRoutes } from './sign-in-routes.ts'
import type { ClipRecord } from './stick.ts'
import { realTime, type SimulatorTime } from './time.ts'
import type { Rotation } from './tokens.ts'

export interface SimulatorOptions {
  /** 127.0.0.1 when absent. */
  readonly host?: string
  /** Any free port when absent or 0. */
  readonly port?: number
  /** The demonstration account when absent. */
  readonly accounts?: readonly AccountSpec[]
  readonly accessTokenSeconds?: number
  /** How long a module works on a manifest. */
  readonly manifestSeconds?: number
  /** How long a module works on uploading a clip. */
  readonly clipSeconds?: number
  /** From a motion until its clip is listed; 35 when absent, as it was seen. */
  readonly motionSeconds?: number
  /** How many clips one answer of the newer shape holds; all when absent. */
  readonly mediaPageSize?: number
  readonly time?: SimulatorTime
}

export interface Simulator extends AsyncDisposable {
  /** Serves OAuth and REST alike. */
  readonly url: string
  readonly oauthUrl: string
  /** With `{region}` in it, to be replaced by the client. */
  readonly restUrl: string
  /** Every request received, oldest first; the newest 100,000 at least. */
  readonly calls: readonly Call[]
  readonly faults: readonly Fault[]
  /** The `key=value|key=value` line that signs a client in; for the first account when none is named. */
  tokens(accountId?: number): string
  /** Who signs in to an account, and the code that reaches them; of the first account when none is named. */
  person(accountId?: number): Required<PersonSpec> & { readonly accountId: number }
  /** How many codes were sent to an account within the last hour. */
  codesSent(accountId: number): number
  /** As if the pause between two codes were over. */
  allowAnotherCode(accountId: number): void
  misbehave(fault: Fault): void
  /** Has something go wrong with single clips, until calm or so many times. */
  troubleClips(trouble: ClipTrouble): void
  /** Which clips met a trouble so far. */
  readonly struckClips: readonly StruckClip[]
  /**
   * Motion at a camera: a clip comes onto the stick of its module.
   *
   * @throws Error when there is no such camera, or nowhere to put the clip
   */
  motion(motion: Motion): ClipRecord
  /** Switches every misbehaviour and every trouble off. */
  calm(): void
  rotateRefreshTokens(rotation: Rotation): void
  /** Withdraws the refresh tokens of an account: its next refresh is refused. */
  revoke(accountId: number): void
  /** Answers the refreshes of an account by the wish for a code until a person has signed in with one. */
  wantCode(accountId: number): void
  /** Gives a new refresh token after `revoke`, as a sign-in would; `tokens` tells it. */
  signIn(accountId: number): void
  /** Every access token is refused from now on, or those of one account. */
  expireAccessTokens(accountId?: number): void
  addAccount(spec: AccountSpec): void
  addNetwork(accountId: number, network: { readonly id: number; readonly name: string }): void
  addCamera(accountId: number, camera: CameraSpec): void
  addModule(accountId: number, spec: ModuleSpec): ModuleHandle
  removeModule(networkId: number, syncModuleId: number): void
  /** @throws Error when there is no such module */
  module(networkId: number, syncModuleId: number): ModuleHandle
  close(): Promise<void>
}

/** A module while the simulator runs. */
export interface ModuleHandle {
  readonly spec: ModuleSpec
  readonly busy: boolean
  /** What a manifest lists now, newest first. */
  readonly clips: readonly ClipSpec[]
  /** Every clip that was ever on the stick, oldest first, with the hash of its file. */
  journal(): readonly ClipRecord[]
  change(change: ModuleChange): void
  /** The next manifest lists one clip more. */
  addClip(clip: ClipSpec): ClipRecord
  /** The clip with this number now is gone from the stick, as if deleted in the app. */
  removeClip(id: number): void
  /** The module restarts: its clips are numbered anew, and what it was doing has failed. */
  restart(): void
  /** Keeps the module busy from now on, as the phone app would; 0 frees it. */
  occupy(seconds: number): void
}

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const time = options.time ?? realTime
  const accounts = options.accounts ?? [demoAccount]
  const cloud = new Cloud({
    accessTokenSeconds: options.accessTokenSeconds ?? 14_400,
    manifestSeconds: options.manifestSeconds ?? 4,
    clipSeconds: options.clipSeconds ?? 2,
    motionSeconds: options.motionSeconds ?? 35,
    mediaPageSize: options.mediaPageSize,
    time,
  })
  for (const account of accounts) cloud.addAccount(account)
  const faults = new Faults(time)
  const router = new Router(cloud, [
    ...oauthRoutes(cloud),
    ...signInRoutes(cloud),
    ...homescreenRoutes(cloud),
    ...localStorageRoutes(cloud),
    ...commandRoutes(cloud),
    ...networkRoutes(cloud),
    ...forbiddenRoutes,
  ])
  const host = options.host ?? '127.0.0.1'
  const place = { url: '' }
  const server: CloudServer = new CloudServer({
    time,
    control: (request) => control(request, { cloud, faults, calls: server.calls, url: place.url }),
    find: (request) => {
      const found = router.find(request)
      return { ...found, accountId: found.accountId ?? accountOfRefresh(cloud, request) }
    },
    pickFault: (meant) => faults.pick(meant),
  })
  const port = await server.listen(host, options.port ?? 0)
  place.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return assemble({ cloud, faults, server, url: place.url, firstAccount: accounts[0]?.id })
}

interface Parts {
  readonly cloud: Cloud
  readonly faults: Faults
  readonly server: CloudServer
  readonly url: string
  readonly firstAccount: number | undefined
}

function assemble({ cloud, faults, server, url, firstAccount }: Parts): Simulator {
  return {
    url,
    oauthUrl: url,
    restUrl: `${url}/rest-{region}`,
    calls: server.calls,
    get faults() {
      return faults.on
    },
    tokens: (accountId = firstAccount ?? 0) => cloud.tokenLine(accountId),
    person: (accountId = firstAccount ?? 0) => cloud.account(accountId).person,
    codesSent: (accountId) => cloud.signIns.codesSent(accountId),
    allowAnotherCode: (accountId) => cloud.signIns.forgetPause(accountId),
    misbehave: (fault) => faults.switchOn(fault),
    troubleClips: (trouble) => cloud.clipTroubles.switchOn(trouble),
    struckClips: cloud.clipTroubles.struck,
    motion: (motion) => {
      const { module, clip } = recordMotion(cloud, motion)
      return module.stick.record(clip)
    },
    calm: () => {
      faults.calm()
      cloud.clipTroubles.calm()
    },
    rotateRefreshTokens: (rotation) => {
      cloud.tokens.rotation = rotation
    },
    revoke: (accountId) => cloud.tokens.revoke(accountId),
    wantCode: (accountId) => cloud.signIns.wantCode(accountId),
    signIn: (accountId) => {
      cloud.tokens.grant(accountId, cloud.account(accountId).clientId)
    },
    expireAccessTokens: (accountId) => cloud.tokens.expireAccess(accountId),
    addAccount: (spec) => {
      cloud.addAccount(spec)
    },
    addNetwork: (accountId, network) => {
      cloud.account(accountId).networks.set(network.id, network)
    },
    addCamera: (accountId, camera) => {
      cloud.account(accountId).cameras.set(camera.id, camera)
    },
    addModule: (accountId, spec) => handle(cloud, cloud.addModule(cloud.account(accountId), spec)),
    removeModule: (networkId, id) => cloud.removeModule(networkId, id),
    module: (networkId, id) => handle(cloud, cloud.module(networkId, id)),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function handle(cloud: Cloud, module: ModuleState): ModuleHandle {
  return {
    get spec() {
      return module.spec
    },
    get busy() {
      return cloud.isBusy(module)
    },
    get clips() {
      return module.stick.list(cloud.time.now())
    },
    change: (change) => {
      module.spec = { ...module.spec, ...change }
    },
    journal: () => module.stick.journal(),
    addClip: (clip) => module.stick.record(module.stick.add(clip, 0)),
    removeClip: (id) => {
      const clip = module.stick.list(cloud.time.now()).find((each) => each.id === id)
      if (clip) module.stick.remove(clip.key)
    },
    restart: () => cloud.restart(module),
    occupy: (seconds) => {
      module.busyUntil = cloud.time.now() + seconds * 1000
    },
  }
}
