/**
 * What sync modules are doing: one command each at a time, with an id that is also the id of the request.
 *
 * A command has a beginning and an end in time and no timer: whoever asks compares with the clock. Commands
 * are forgotten some time after their beginning, and everything that hangs on them (manifests, uploads) goes
 * with them: ids live for minutes, not for ever.
 */
import type { ClipSpec } from './account-spec.ts'
import type { ModuleState } from './cloud.ts'
import type { SimulatorTime } from './time.ts'

export interface Command {
  readonly id: number
  /** What the module does. Only `thumbnail` was ever seen; the other names are ours. */
  readonly name: string
  readonly accountId: number
  readonly networkId: number
  readonly moduleId: number
  readonly startedAt: number
  readonly readyAt: number
  /** What a manifest command lists: the clips of the moment it was asked for. */
  readonly manifest?: Manifest
  /** `manifestId/clipId`, for the upload of a clip. */
  readonly upload?: string
}

export interface Manifest {
  readonly id: string
  readonly clips: readonly ClipSpec[]
}

export interface CommandContent {
  readonly manifest?: Manifest
  readonly upload?: string
}

// In the number range of ids published in November 2025; they only ever grow.
const FIRST_ID = 670_000_001
const FIRST_MANIFEST_ID = 8_977
// Listed clips were seen to fail after 10 to 20 minutes (Blink.NET); nothing is documented.
const KEPT_MS = 20 * 60_000
// A map keeps the places of what was deleted at its front for a while, and whoever looks there walks over them: with
// a million commands that is not to be done at each request.
const LOOK_MS = 1_000

export class Commands {
  readonly #time: SimulatorTime
  readonly #byId = new Map<number, Command>()
  readonly #byManifest = new Map<string, Command>()
  readonly #byUpload = new Map<string, Command>()
  #nextId = FIRST_ID
  #nextManifestId = FIRST_MANIFEST_ID
  #lookAt = Number.NEGATIVE_INFINITY

  constructor(time: SimulatorTime) {
    this.#time = time
  }

  /** Sets a module to work; the caller has made sure that it is free. */
  start(module: ModuleState, name: string, seconds: number, content: CommandContent = {}): Command {
    this.#forgetOld()
    const startedAt = this.#time.now()
    const command: Command = {
      id: this.#nextId++,
      name,
      accountId: module.accountId,
      networkId: module.spec.networkId,
      moduleId: module.spec.id,
      startedAt,
      readyAt: startedAt + seconds * 1000,
      ...content,
    }
    this.#byId.set(command.id, command)
    if (content.manifest) this.#byManifest.set(content.manifest.id, command)
    if (content.upload) this.#byUpload.set(`${command.moduleId}/${content.upload}`, command)
    module.busyUntil = command.readyAt
    return command
  }

  newManifest(clips: readonly ClipSpec[]): Manifest {
    return { id: String(this.#nextManifestId++), clips }
  }

  find(id: number): Command | undefined {
    return this.#byId.get(id)
  }

  /** The finished manifest of a module; undefined while it is being made, and for another module's. */
  findManifest(moduleId: number, manifestId: string): Manifest | undefined {
    const command = this.#byManifest.get(manifestId)
    return command?.moduleId === moduleId && this.isDone(command) ? command.manifest : undefined
  }

  findUpload(moduleId: number, upload: string): Command | undefined {
    return this.#byUpload.get(`${moduleId}/${upload}`)
  }

  isDone(command: Command): boolean {
    return command.readyAt <= this.#time.now()
  }

  #forgetOld(): void {
    const now = this.#time.now()
    if (now < this.#lookAt) return
    this.#lookAt = now + LOOK_MS
    const oldest = now - KEPT_MS
    for (const command of this.#byId.values()) {
      if (command.startedAt > oldest) return
      this.#byId.delete(command.id)
      if (command.manifest) this.#byManifest.delete(command.manifest.id)
      const upload = `${command.moduleId}/${command.upload}`
      if (this.#byUpload.get(upload) === command) this.#byUpload.delete(upload)
    }
  }
}
