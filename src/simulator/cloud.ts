/**
 * The state of the simulated cloud: who has which modules, and how each of them is just now.
 *
 * A specification is a value and is replaced as a whole when a test changes something; what moves by itself
 * (being busy, the clips) stands beside it. Everything is found by its number, however many there are.
 */
import type { AccountSpec, CameraSpec, ModuleSpec, NetworkSpec, PersonSpec } from './account-spec.ts'
import { ClipTroubles } from './clip-trouble.ts'
import { Commands } from './commands.ts'
import { SignIns } from './sign-ins.ts'
import { Stick } from './stick.ts'
import type { SimulatorTime } from './time.ts'
import { Tokens } from './tokens.ts'

export interface CloudSettings {
  readonly accessTokenSeconds: number
  readonly manifestSeconds: number
  readonly clipSeconds: number
  /** From a motion until its clip is listed. */
  readonly motionSeconds: number
  /** How many clips one answer of the newer shape holds; all when absent. */
  readonly mediaPageSize: number | undefined
  readonly time: SimulatorTime
}

export interface AccountState {
  readonly id: number
  readonly region: string
  readonly clientId: string
  readonly person: Person
  readonly networks: Map<number, NetworkSpec>
  readonly modules: Map<number, ModuleState>
  readonly cameras: Map<number, CameraSpec>
}

/** Who signs in, with everything filled in. */
export interface Person extends Required<PersonSpec> {
  readonly accountId: number
}

export interface ModuleState {
  readonly accountId: number
  spec: ModuleSpec
  readonly stick: Stick
  /** What was listed before this is gone, in milliseconds since 1970. */
  restartedAt: number
  /** When the module's command ends, in milliseconds since 1970. */
  busyUntil: number
}

/** What can be different about a module from one moment to the next; its id stays. */
export type ModuleChange = Partial<Omit<ModuleSpec, 'id' | 'clips'>>

export class Cloud {
  readonly settings: CloudSettings
  readonly time: SimulatorTime
  readonly tokens: Tokens
  readonly commands: Commands
  readonly signIns: SignIns
  readonly clipTroubles: ClipTroubles
  readonly accounts = new Map<number, AccountState>()
  readonly #regions = new Set<string>()
  readonly #modules = new Map<number, ModuleState>()
  /** Of modules that were removed: what is on a drive does not leave with its module. */
  readonly #sticks = new Map<number, Stick>()

  constructor(settings: CloudSettings) {
    this.settings = settings
    this.time = settings.time
    this.tokens = new Tokens(settings.time)
    this.commands = new Commands(settings.time)
    this.signIns = new SignIns(this)
    this.clipTroubles = new ClipTroubles(settings.time)
  }

  addAccount(spec: AccountSpec): AccountState {
    const account: AccountState = {
      id: spec.id,
      region: spec.region,
      clientId: spec.clientId ?? 'ios',
      person: personOf(spec.id, spec.person),
      networks: new Map(spec.networks.map((network) => [network.id, network])),
      modules: new Map(),
      cameras: new Map(spec.cameras?.map((camera) => [camera.id, camera])),
    }
    this.accounts.set(account.id, account)
    this.#regions.add(account.region)
    this.tokens.grant(account.id, account.clientId, spec.refreshToken)
    for (const module of spec.modules) this.addModule(account, module)
    return account
  }

  addModule(account: AccountState, spec: ModuleSpec): ModuleState {
    const module: ModuleState = {
      accountId: account.id,
      spec,
      stick: this.#sticks.get(spec.id) ?? new Stick(spec.id, spec.clips ?? []),
      restartedAt: 0,
      busyUntil: 0,
    }
    account.modules.set(spec.id, module)
    this.#modules.set(spec.id, module)
    return module
  }

  removeModule(networkId: number, id: number): void {
    const module = this.module(networkId, id)
    this.#modules.delete(id)
    this.#sticks.set(id, module.stick)
    this.accounts.get(module.accountId)?.modules.delete(id)
  }

  /** @throws Error when there is no such account */
  account(id: number): AccountState {
    const account = this.accounts.get(id)
    if (!account) throw new Error(`the simulated cloud has no account ${id}`)
    return account
  }

  /** @throws Error when there is no such module */
  module(networkId: number, id: number): ModuleState {
    const module = this.findModule(networkId, id)
    if (!module) throw new Error(`the simulated cloud has no sync module ${networkId}/${id}`)
    return module
  }

  findModule(networkId: number, id: number): ModuleState | undefined {
    const module = this.#modules.get(id)
    return module?.spec.networkId === networkId ? module : undefined
  }

  /** The line that signs a client in with the newest refresh token of an account, values URL-encoded. */
  tokenLine(accountId: number): string {
    const { region, clientId } = this.account(accountId)
    const fields = {
      refresh_token: this.tokens.newest(accountId)?.token ?? '',
      client_id: clientId,
      region_id: region,
      account_id: String(accountId),
    }
    return Object.entries(fields)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join('|')
  }

  /** As if the power had been off: what the module was doing is lost, and its clips are numbered anew. */
  restart(module: ModuleState): void {
    this.commands.interrupt(module.spec.id)
    module.stick.renumber()
    module.restartedAt = this.time.now()
    module.busyUntil = 0
  }

  isBusy(module: ModuleState): boolean {
    return module.busyUntil > this.time.now()
  }

  hasRegion(region: string): boolean {
    return this.#regions.has(region)
  }
}

/** Somebody for the account of this id. */
export function personOf(accountId: number, spec: PersonSpec = {}): Person {
  return {
    email: `owner-${accountId}@example.com`,
    password: `password-${accountId}`,
    code: '246810',
    phone: '+49xxxxxxx34',
    challenge: 202,
    resendSeconds: 60,
    amazon: false,
    ...spec,
    accountId,
  }
}

/** The modules of one network of an account: one, unless a test wants more. */
export function modulesOf(account: AccountState, networkId: number): readonly ModuleState[] {
  return [...account.modules.values()].filter((module) => module.spec.networkId === networkId)
}
