/**
 * What sync modules are doing: one command each at a time, with an id that is also the id of the request.
 *
 * A command has a beginning and an end in time and no timer: whoever asks compares with the clock. Commands
 * are forgotten some time after their beginning, and everything that hangs on them (manifests, uploads) goes
 * with them: ids live for minutes, not for ever.
 */
import type { ClipTrouble } from './clip-trouble.ts'
import type { ModuleState } from './cloud.ts'
import type { StickClip } from './stick.ts'
import type { SimulatorTime } from './time.ts'

export interface Command {
  readonly id: number
  /** What the module does. Only `thumbnail` was ever seen; the other names are ours. */
  readonly name: string
  readonly accountId: number
  readonly networkId: number
  readonly moduleId: number
  readonly startedAt: number
  readyAt: number
  /** It comes to its end all the same. */
  failed: boolean
  /** What a manifest command lists: the clips of the moment it was asked for. */
  readonly manifest?: Manifest
  readonly upload?: Upload
}

export interface Upload {
  /** `manifestId/clipId`. */
  readonly address: string
  readonly clip: StickClip
  readonly trouble?: ClipTrouble
}

export interface Manifest {
  readonly id: string
  readonly clips: readonly StickClip[]
}

export interface CommandContent {
  readonly manifest?: Manifest
  readonly upload?: Upload
  readonly failed?: boolean
  /** How long the module is busy with it; as long as the command takes when absent. */
  readonly busySeconds?: number
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
  start(module: ModuleState, name: string, seconds: number, how: CommandContent = {}): Command {
    this.#forgetOld()
    const { busySeconds = seconds, failed = false, ...content } = how
    const startedAt = this.#time.now()
    const command: Command = {
      id: this.#nextId++,
      name,
      accountId: module.accountId,
      networkId: module.spec.networkId,
      moduleId: module.spec.id,
      startedAt,
      readyAt: startedAt + seconds * 1000,
      failed,
      ...content,
    }
    this.#byId.set(command.id, command)
    if (content.manifest) this.#byManifest.set(content.manifest.id, command)
    if (content.upload) this.#keepUpload(command, content.upload)
    module.busyUntil = startedAt + busySeconds * 1000
    return command
  }

  newManifest(clips: readonly StickClip[]): Manifest {
    return { id: String(this.#nextManifestId++), clips }
  }

  find(id: number): Command | undefined {
    const command = this.#byId.get(id)
    return command && command.startedAt > this.#time.now() - KEPT_MS ? command : undefined
  }

  /** The finished manifest of a module; undefined while it is being made, for another module's, and for an old one. */
  findManifest(moduleId: number, manifestId: string, notBefore: number): Manifest | undefined {
    const command = this.#byManifest.get(manifestId)
    if (command?.moduleId !== moduleId || command.failed || command.startedAt < notBefore) return undefined
    return this.isDone(command) ? command.manifest : undefined
  }

  findUpload(moduleId: number, address: string): Command | undefined {
    return this.#byUpload.get(uploadKey(moduleId, address))
  }

  /** What has been uploaded well stays there while it is uploaded again, as blinkpy does with each clip. */
  #keepUpload(command: Command, { address }: Upload): void {
    const key = uploadKey(command.moduleId, address)
    const before = this.#byUpload.get(key)
    const isThere = before && this.isDone(before) && !before.failed && !before.upload?.trouble
    if (!isThere) this.#byUpload.set(key, command)
  }

  /** Whether there was a command of this id: it has been forgotten since. */
  wasGiven(id: number): boolean {
    return id >= FIRST_ID && id < this.#nextId
  }

  /** Has what a module is doing fail now. */
  interrupt(moduleId: number): void {
    for (const command of this.#byId.values()) {
      if (command.moduleId !== moduleId || this.isDone(command)) continue
      command.failed = true
      command.readyAt = this.#time.now()
    }
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
      const upload = command.upload && uploadKey(command.moduleId, command.upload.address)
      if (upload && this.#byUpload.get(upload) === command) this.#byUpload.delete(upload)
    }
  }
}

function uploadKey(moduleId: number, address: string): string {
  return `${moduleId}/${address}`
}
