/** A data directory in which every kind of state is there, as a daemon may have left it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClipWithFile } from '../../src/domain/clip.ts'
import type { DurableEvent, ModuleKey } from '../../src/domain/model.ts'
import type { Storage } from '../../src/domain/ports.ts'
import { Secret } from '../../src/domain/secret.ts'
import { openStorage } from '../../src/storage/open.ts'
import { openPending, type PendingSignIn } from '../../src/storage/pending-sign-in.ts'
import { someCredentials } from './blink-scripted.ts'
import { fakeClock } from './fake-clock.ts'
import { aModule, anItem, failed, readableLog, requested, start } from './samples.ts'

const hall = aModule()
const barn = aModule({
  accountId: '9000',
  networkId: '9223372036854775806',
  syncModuleId: '7',
  name: 'B\u0000',
})
const gone = aModule({ syncModuleId: '9', name: 'Gone' })
const camera = { accountId: '8021', networkId: '44107', camera: '610003' }

export const pendingSignIn: PendingSignIn = {
  step: 'code',
  emailHash: 'hash',
  hardwareId: 'X',
  cookies: new Map([['session', new Secret('cookie-value')]]),
  csrf: new Secret('csrf'),
  verifier: new Secret('verifier'),
  challenge: { phone: '+49xxxx', method: undefined, resendAfterMs: 60_000 },
  sentAt: start,
}

const clip: ClipWithFile = {
  ...{ createdAt: start - 60_000, listedSize: 430, cameraName: 'Zoë "Hall" \ud83d\ude00', state: 'ready' },
  file: {
    ...{ path: 'Home/Hall/a.mp4', bytes: 3_000_000_000, sha256: 'ab', camera: '610003', requestId: '501' },
    ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', downloadedAt: start },
  },
}
const followed = {
  ...{ requestId: '501', compared: true },
  counts: { count: 2, waiting: 0, newestAt: start, oldestAt: undefined, lastError: undefined },
}
const manifestReady: DurableEvent = {
  ...{ kind: 'manifest_ready', orderKey: 'manifest 8021/44107/350221', expiresAt: start + 600_000 },
  body: {
    accountId: '8021',
    ...{ networkId: '44107', syncModuleId: '350221', requestId: '501', manifestId: '9', readyAt: start },
    ...{
      eventId: '0197a1c0-0000-7000-8000-000000000002',
      clipCount: 2,
      newCount: 1,
      latencyMs: 4,
      clips: [],
    },
  },
}

/** Fills a directory through the daemon's own storage, and closes it. */
export async function fillDirectory(dataDir: string): Promise<void> {
  const storage = await openStorage(dataDir, fakeClock(), readableLog())
  await fillCredentials(storage, dataDir)
  await storage.limits.saveBreaker('8021', { failures: 3, openUntil: start + 900_000 })
  await storage.limits.saveSpent('8021', { day: 20_780, requests: 12, limit: 432 })
  await storage.limits.saveSpent('8021-clips', { day: 20_780, requests: 99, limit: 1_000 })
  await storage.limits.saveModuleCount('8021', 2)
  await storage.limits.saveBreaker('login-5', { failures: 1, openUntil: undefined })
  await storage.pauses.set('8021', true)
  await storage.pauses.set('8021/44107/350221', false)
  await storage.starts.note('8021')
  await storage.lastRun.keep(start - 300_000)
  await storage.discoveryPrefix.keep('ha/"test"')
  await openPending(dataDir).save(pendingSignIn)
  await fillLedger(storage)
  await fillClips(storage)
  await storage.close()
}

async function fillCredentials({ credentials }: Storage, dataDir: string): Promise<void> {
  const working = { key: '8021-login-1', source: 'login', hardwareId: 'A-B', refreshedAt: start } as const
  await credentials.save(someCredentials({ ...working, refreshToken: new Secret('refresh-8021') }))
  const refused = { refusedAt: start - 5, refusedFor: 'two_factor_required' } as const
  await credentials.save(someCredentials({ key: '9000-import-2', accountId: '9000', ...refused }))
  await credentials.save(someCredentials({ key: 'login-5', accountId: undefined, region: undefined }))
  await credentials.save(someCredentials({ key: 'environment-9' }))
  await credentials.forget('environment-9')
  writeFileSync(join(dataDir, 'logins', '77-login-8.login.json.damaged'), '\0\0\0')
}

async function fillLedger({ ledger, outbox, attempts }: Storage): Promise<void> {
  await ledger.seen('8021', [hall, gone])
  for (let list = 0; list < 3; list++) await ledger.seen('8021', [hall])
  await ledger.seen('9000', [barn])
  for (const requestId of ['501', '502', '503']) await ledger.record(requested(anItem({ requestId }), hall))
  const large = anItem({ ...keyOf(barn), requestId: '9223372036854775807', requestedAt: start + 1 })
  await ledger.record(requested(large, barn))
  await ledger.record(failed({ module: barn, at: start + 2 }))
  const [first] = await outbox.waiting(1, [])
  await outbox.remove(first ? [first.seq] : [])
  const accepted = { requestId: '501', expiresAt: start + 600_000, deliveredAt: start + 9 }
  await attempts.record(
    [
      { module: keyOf(hall), at: start, outcome: 'requested', latencyMs: 120.5, accepted },
      { module: keyOf(hall), at: start + 1, outcome: 'busy', latencyMs: undefined, accepted: undefined },
    ],
    [],
  )
}

const keyOf = ({ accountId, networkId, syncModuleId }: ModuleKey) => ({ accountId, networkId, syncModuleId })

async function fillClips({ clips }: Storage): Promise<void> {
  const module = keyOf(hall)
  const row = await clips.put(module, clip)
  const failing = { ...clip, state: 'failed', retryAt: start + 5, reason: 'too slow', createdAt: 1 } as const
  await clips.put(module, failing)
  const event = { ...clip.file, ...module, cameraName: clip.cameraName, createdAt: clip.createdAt }
  const life = { orderKey: 'clip 8021/44107/610003', expiresAt: start + 604_800_000 }
  await clips.saved({ ...clip, row, module }, { kind: 'clip_new', ...life, body: event })
  const change = { module: followed, added: [], renamed: [], seen: [], gone: [row], at: start }
  await clips.compared(module, { ...change, event: manifestReady })
  await clips.saveStorageReading(module, { usedPercent: 93, full: false, warning: undefined, readAt: start })
  await clips.useDirectory('/media/blink')
}

/** All that the ports say of it, secrets included. */
export async function everythingIn(storage: Storage): Promise<object> {
  const { credentials, limits, pauses, starts, ledger, attempts, clips, outbox } = storage
  const names = ['8021', '8021-clips', '9000', 'login-5']
  const keys = [hall, barn, gone].map(keyOf)
  const each = <T, R>(all: readonly T[], read: (one: T) => Promise<R>) => Promise.all(all.map(read))
  return {
    installation: storage.installation,
    credentials: (await credentials.list())
      .filter(({ key }) => key !== '77-login-8')
      .map((one) => ({ ...one, refreshToken: one.refreshToken.reveal() })),
    forgotten: await credentials.forgotten(),
    breakers: await each(names, (name) => limits.breaker(name)),
    spent: await each(names, (name) => limits.spent(name)),
    counts: await each(names, (name) => limits.moduleCount(name)),
    paused: await each(keys, (key) => pauses.isPaused(key)),
    starts: await each(names, (name) => starts.lastAt(name)),
    lastRun: storage.lastRun.at,
    prefix: await storage.discoveryPrefix.prefix(),
    modules: await each(['8021', '9000'], (account) => ledger.modulesOf(account)),
    keys: (await ledger.keysAndGone()).toSorted((a, b) => a.syncModuleId.localeCompare(b.syncModuleId)),
    records: await each(keys, (key) => ledger.read(key)),
    accepted: await each(keys, (key) => ledger.lastAccepted(key)),
    attempts: await each(keys, (key) => attempts.of(key, 0)),
    waiting: await outbox.count(),
    clips: await each(keys, (key) => clips.clipsOf(key)),
    totals: await each(keys, (key) => clips.totals(key)),
    followed: await clips.followed(),
    clipModules: await each(keys, (key) => clips.module(key)),
    drives: await each(keys, (key) => clips.storageReading(key)),
    cameras: [await clips.cameras(), await clips.camera(camera)],
    isTaken: await clips.isTaken('home/hall/a.mp4'),
    directory: await clips.directory(),
  }
}
