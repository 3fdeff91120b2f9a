/**
 * Carries out what the plan has for sticks and for the disk that clips are saved to, and keeps the record of it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ModuleHandle, Simulator } from '../../src/simulator/simulator.ts'
import type { ClipRecord } from '../../src/simulator/stick.ts'
import { type Disk, smallDisk } from '../support/mounts.ts'
import type { ClipDeed, DiskDeed } from './clip-plan.ts'
import { camerasOf, modules } from './homes.ts'

export interface ClipTimes {
  /** When a module was restarted. */
  readonly renumbered: { readonly module: number; readonly at: number }[]
  /** The keys of clips that somebody has deleted. */
  readonly deleted: Set<string>
  /** The times in which nothing could be saved. */
  readonly trouble: { readonly kind: DiskDeed['kind']; readonly from: number; until: number }[]
  /** What was found in the directory of a disk that was away, where nobody may write. */
  readonly astray: string[]
}

export const noClipTimes = (): ClipTimes => ({ renumbered: [], deleted: new Set(), trouble: [], astray: [] })

export function doToStick(cloud: Simulator, deed: ClipDeed, times: ClipTimes): void {
  if (deed.kind === 'trouble') cloud.troubleClips(deed.trouble)
  else if (deed.kind === 'fault') cloud.misbehave(deed.fault)
  else doToModule(cloud, deed, times)
}

type ModuleDeed = Extract<ClipDeed, { readonly module: number }>

function doToModule(cloud: Simulator, deed: ModuleDeed, times: ClipTimes): void {
  const syncModuleId = modules[deed.module]?.id
  if (syncModuleId === undefined) throw new Error(`the plan names module ${deed.module}, and there is none`)
  const handle = find(cloud, deed.module)
  // It has vanished in the meantime, and its stick with it.
  if (!handle) return
  switch (deed.kind) {
    case 'motion': {
      const { camera, size, delaySeconds } = deed
      cloud.motion({ camera: camerasOf(syncModuleId)[camera], size, delaySeconds })
      return
    }
    case 'renumber':
      handle.restart()
      times.renumbered.push({ module: syncModuleId, at: Date.now() })
      return
    case 'delete': {
      const [newest] = handle.clips
      if (!newest) return
      const before = keysOn(handle)
      handle.removeClip(newest.id)
      const after = new Set(keysOn(handle))
      for (const key of before) if (!after.has(key)) times.deleted.add(key)
    }
  }
}

/** Every clip that was ever on a stick; all modules must be there. */
export function journalOf(cloud: Simulator): readonly (ClipRecord & { readonly module: number })[] {
  return modules.flatMap(({ networkId, id }) =>
    cloud
      .module(networkId, id)
      .journal()
      .map((record) => ({ ...record, module: id })),
  )
}

function find(cloud: Simulator, module: number): ModuleHandle | undefined {
  const spec = modules[module]
  try {
    return spec && cloud.module(spec.networkId, spec.id)
  } catch {
    return undefined
  }
}

function keysOn(handle: ModuleHandle): readonly string[] {
  return handle.journal().flatMap(({ key, onStick }) => (onStick ? [key] : []))
}

/** Where clips are saved: a small disk of their own, or where nothing may be mounted, a directory that is never full. */
export interface ClipDisk extends Disposable {
  readonly directory: string
  readonly canBeFull: boolean
  act(deed: DiskDeed, times: ClipTimes, signal: AbortSignal): Promise<void>
}

export function clipDisk(directory: string, megabytes: number): ClipDisk {
  const disk = diskOf(megabytes)
  const clips = join(disk?.path ?? directory, 'clips')

  /** The directory is elsewhere, and an empty one in its place, as when a drive is pulled out. */
  const away = async (forMs: number, times: ClipTimes, signal: AbortSignal) => {
    renameSync(clips, `${clips}.away`)
    mkdirSync(clips)
    await pause(forMs, undefined, { signal }).catch(() => undefined)
    const found = readdirSync(clips, { recursive: true }).map(String)
    times.astray.push(...found)
    if (found.length > 0) renameSync(clips, `${clips}.astray-${Date.now()}`)
    else rmdirSync(clips)
    renameSync(`${clips}.away`, clips)
  }

  return {
    directory: clips,
    canBeFull: disk !== undefined,
    async act({ kind, forMs }, times, signal) {
      // A directory that no clip was ever saved to may be made anew.
      if (!hasClip(clips) || (kind === 'fill' && !disk)) return
      const trouble = { kind, from: Date.now(), until: Number.POSITIVE_INFINITY }
      times.trouble.push(trouble)
      if (kind === 'away') await away(forMs, times, signal)
      else {
        disk?.fill()
        await pause(forMs, undefined, { signal }).catch(() => undefined)
        disk?.makeRoom()
      }
      trouble.until = Date.now()
    },
    [Symbol.dispose]: () => disk?.[Symbol.dispose](),
  }
}

function hasClip(directory: string): boolean {
  return (
    existsSync(directory) &&
    readdirSync(directory, { recursive: true }).some((name) => String(name).endsWith('.mp4'))
  )
}

function diskOf(megabytes: number): Disk | undefined {
  try {
    return smallDisk(megabytes)
  } catch {
    return undefined
  }
}
