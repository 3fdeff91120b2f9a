/**
 * State that is one small JSON file each: the installation, pauses, the start throttle, the last run, and where
 * Home Assistant's discovery documents are.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import type { ModuleKey } from '../domain/model.ts'
import type {
  CredentialStore,
  DiscoveryPrefix,
  Installation,
  LastRun,
  Pauses,
  StartThrottle,
} from '../domain/ports.ts'
import { jsonFile } from './state-files.ts'

const installation = z.object({ install_id: z.string().regex(/^[0-9a-f]{8}$/), hardware_id: z.uuid() })

/**
 * Reads `install.json`, or makes it on the first run.
 *
 * A new hardware id at each start would look like a new device each time and invite the cloud's fraud checks
 * (ha-blink-clip-downloader keeps it for that reason). Upper case, as all app-like clients send it.
 *
 * @throws StoreFailed when it is damaged: a new one in its place would double every device downstream
 */
export async function openInstallation(dataDir: string, clock: Clock): Promise<Installation> {
  const file = jsonFile(join(dataDir, 'install.json'), installation)
  let kept = await file.readIntact(
    'Restore it from a backup. Removing it makes a new installation id: new devices downstream.',
  )
  if (!kept) {
    kept = { install_id: clock.uuid().slice(0, 8), hardware_id: clock.uuid().toUpperCase() }
    await file.write(kept)
  }
  return { installId: kept.install_id, hardwareId: kept.hardware_id }
}

/**
 * Pauses in `paused.json`, as rules and not as modules, so that "everything is paused" holds for a module that is
 * found tomorrow. Rules are by scope: empty for all, else `account`, `account/network` or `account/network/module`;
 * the most specific rule that covers a module decides.
 *
 * @throws StoreFailed when the file is damaged or cannot be read, and from `set` when it cannot be written
 */
export async function openPauses(directory: string): Promise<Pauses> {
  const file = pausesFile(directory)
  let rules = await readPauses(directory)
  let last: Promise<void> = Promise.resolve()

  /** The rule takes the place of those inside its scope. */
  async function keep(scope: string, paused: boolean): Promise<void> {
    const isInside = (other: string) => scope === '' || other === scope || other.startsWith(`${scope}/`)
    const kept = Object.entries(rules).filter(([other]) => !isInside(other))
    const next = Object.fromEntries([...kept, [scope, paused]])
    await file.write({ paused: next })
    rules = next
  }

  return {
    async isPaused({ accountId, networkId, syncModuleId }: ModuleKey) {
      const scopes = [`${accountId}/${networkId}/${syncModuleId}`, `${accountId}/${networkId}`, accountId, '']
      const scope = scopes.find((one) => Object.hasOwn(rules, one))
      return scope !== undefined && rules[scope] === true
    },
    set(scope, paused) {
      // One after another, since each begins with what the last one has left.
      const done = last.then(() => keep(scope, paused))
      last = done.catch(() => undefined)
      return done
    },
  }
}

/** The rules by their scopes. @throws StoreFailed as `openPauses` */
export async function readPauses(directory: string): Promise<Readonly<Record<string, boolean>>> {
  return (await pausesFile(directory).readIntact('Remove it; then nothing is paused.'))?.paused ?? {}
}

function pausesFile(directory: string) {
  return jsonFile(join(directory, 'paused.json'), z.object({ paused: z.record(z.string(), z.boolean()) }))
}

/** Older ones say nothing about restarts, and their accounts may be gone. */
const startKeptMs = 60 * 60_000

/**
 * The start throttle in `starts.json`; a damaged one counts as none. Written before the request: what ends the
 * daemon may be the answer.
 *
 * @param credentials name the account of each key, by which starts were noted before version 0.1
 * @throws StoreFailed when it cannot be read, and from `note` when it cannot be written
 */
export async function openStartThrottle(
  dataDir: string,
  clock: Clock,
  credentials: Pick<CredentialStore, 'list'>,
): Promise<StartThrottle> {
  const file = startsFile(dataDir)
  const startedAt = new Map(Object.entries(await readStarts(dataDir)))
  if ([...startedAt.keys()].some((account) => !/^\d+$/.test(account))) {
    for (const { key, accountId } of await credentials.list()) {
      const at = startedAt.get(key)
      if (at === undefined || accountId === undefined) continue
      startedAt.delete(key)
      startedAt.set(accountId, Math.max(at, startedAt.get(accountId) ?? at))
    }
  }
  let last: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  const isKept = (at: number) => at <= clock.now() && clock.now() - at < startKeptMs

  function write(): Promise<void> {
    next = undefined
    return file.write(Object.fromEntries(startedAt))
  }

  return {
    async lastAt(account) {
      const at = startedAt.get(account)
      return at !== undefined && isKept(at) ? at : undefined
    },
    note(account) {
      for (const [key, at] of startedAt) if (!isKept(at)) startedAt.delete(key)
      startedAt.set(account, clock.now())
      // All that are noted while the file is being written go into the next one together.
      if (!next) {
        next = last.then(write, write)
        last = next
      }
      return next
    },
  }
}

/** When each account was noted. @throws StoreFailed when it cannot be read */
export async function readStarts(dataDir: string): Promise<Readonly<Record<string, number>>> {
  return (await startsFile(dataDir).read()) ?? {}
}

function startsFile(dataDir: string) {
  return jsonFile(join(dataDir, 'starts.json'), z.record(z.string(), z.number()))
}

/** The last run in `last-run.json`; a damaged one counts as none. @throws StoreFailed when it cannot be read */
export async function openLastRun(dataDir: string): Promise<LastRun> {
  const file = jsonFile(join(dataDir, 'last-run.json'), z.object({ at: z.number() }))
  return { at: (await file.read())?.at, keep: (at) => file.write({ at }) }
}

/**
 * The discovery prefix in `home-assistant.json`; a damaged one counts as none. Without it, a daemon whose discovery
 * is switched off could not know whether it has published any documents.
 *
 * @throws StoreFailed from each method
 */
export function openDiscoveryPrefix(dataDir: string): DiscoveryPrefix {
  const file = jsonFile(join(dataDir, 'home-assistant.json'), z.object({ prefix: z.string().min(1) }))
  return {
    prefix: async () => (await file.read())?.prefix,
    keep: (prefix) => file.write({ prefix }),
    forget: () => file.remove(),
  }
}
