/**
 * One chaos run: a cloud, a broker and the real program in a directory of their own, the plan carried out upon them,
 * then peace, and the judgement.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Call } from '../../src/simulator/server.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { realTime } from '../../src/simulator/time.ts'
import { stepTrap } from '../support/step-trap.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'
import { type BrokerTimes, doToBroker } from './broker-deeds.ts'
import { chanceOf } from './chance.ts'
import { clipDisk, doToStick, journalOf, noClipTimes } from './clip-deeds.ts'
import { clipPlanOf } from './clip-plan.ts'
import { judgeClips } from './clip-verdict.ts'
import { type CloudTimes, calmCloud, doToCloud } from './cloud-deeds.ts'
import { accountIds, accounts, idsGiven, modules, witness } from './homes.ts'
import { type Lives, livesOf } from './lives.ts'
import { type BrokerDeed, type DaemonDeed, planOf, type Start } from './plan.ts'
import type { Report } from './report.ts'
import { subscribe } from './subscriber.ts'
import { walk } from './track.ts'
import { isClip, isWorkItem, judge, storedIds } from './verdict.ts'
import { openWiretap, type Wiretap } from './wiretap.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly lengthMs: number
  /** Whether clips are downloaded, with all that can go wrong on the way to them. */
  readonly clips?: boolean
  /** Ends the chaos early; the drain and the judgement still come. */
  readonly signal: AbortSignal
  /** A directory that keeps the daemon's logs and the cloud's calls, for a closer look. */
  readonly keep?: string | undefined
  readonly tell: (what: string) => void
}

const accessTokenSeconds = 45
const timeoutSeconds = 3
/** All tokens of the simulated cloud. */
const secret = /sim-(refresh|access)-/
const workItems = 'blink-manifestd/sync/+/+/+/manifest/requested'

const env = {
  SCHEDULE_ALLOW_FAST: 'true',
  SCHEDULE_SPREAD_SECONDS: '0',
  BLINK_TIMEOUT_SECONDS: String(timeoutSeconds),
  REQUEST_TTL_SECONDS: '7200',
  // The schedule changes from life to life, and a budget made for one is none for the next.
  BLINK_DAILY_BUDGET: '1000000',
  LOG_LEVEL: 'debug',
}
const clipEnv = {
  ...{ CLIPS_ENABLED: 'true', CLIPS_BACKFILL_DAYS: '-1', CLIPS_RESERVE_MEGABYTES: '0' },
  ...{ CLIPS_DAILY_BUDGET: '1000000', MANIFEST_POLL_SECONDS: '2', MANIFEST_DEADLINE_SECONDS: '15' },
}
/** More than motion makes in a minute. */
const megabytesAMinute = 20
/** The peace in which clips are saved: of a shorter interval little is left between its manifest and the quiet time. */
const unhurried: Start = { everySeconds: 15, perAccount: 1 }
const patient = { BLINK_TIMEOUT_SECONDS: '20', MANIFEST_DEADLINE_SECONDS: '90' }
/** Longer than the longest pause of a busy module, a run and a machine that is busy with other things. */
const nothingMoreMs = 60_000
const again: BrokerDeed = { kind: 'stop', downMs: 0, forget: false }
/** A person signs in who must, and then every account is asked again. */
const peaceful: Start = { everySeconds: 2, perAccount: 1 }
/** Delivers what is left and asks for nothing. */
const quiet = { SCHEDULE_ON_START: 'false', SCHEDULE_CRON: '0 0 1 1 *' }

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const { seed, lengthMs, clips: followed = false, signal, keep, tell } = options
  if (keep) mkdirSync(keep, { recursive: true })
  const planned = { seed, lengthMs, accounts: accountIds, modules: modules.length }
  const plan = planOf({ ...planned, clips: followed })
  const clipPlan = followed ? clipPlanOf(planned) : { stick: [], disk: [] }
  const chance = chanceOf(seed + 1)
  await using world = await startWorld({
    simulator: {
      accounts,
      accessTokenSeconds,
      manifestSeconds: 0.5,
      clipSeconds: 0.3,
      time: { ...realTime, chance: () => chance.next() },
    },
  })
  const { cloud, broker } = world
  await using wiretap = await openWiretap({
    brokerPort: broker.port,
    keep: /\/(manifest\/requested|clip\/new|bridge\/state|account\/\d+\/state)$/,
    product: /\/manifest\/requested$/,
    secret,
  })
  await using poller = await subscribe(broker.url, workItems)
  using disk = clipDisk(world.directory, 100 + Math.ceil(lengthMs / 60_000) * megabytesAMinute)
  if (followed && !disk.canBeFull) tell('nothing may be mounted here: the disk of the clips is never full')
  const daemonEnv = {
    ...env,
    ...(followed && { ...clipEnv, CLIPS_DIRECTORY: disk.directory }),
    MQTT_URL: `mqtt://127.0.0.1:${wiretap.port}`,
  }
  const trap = stepTrap(join(world.directory, 'trap'))
  const kept = { accounts: accountIds, env: daemonEnv, secret, trap, keep, signal, tell }
  const lives = livesOf({ world, wiretap, ...kept })
  const clipTimes = noClipTimes()
  const cloudTimes: CloudTimes = { weather: [], calm: [] }
  const brokerTimes: BrokerTimes = { up: [Date.now()], trouble: [], ends: [], done: [] }
  const begun = performance.now()

  lives.start(plan.first)
  const walked = { begun, signal }
  await Promise.all([
    walk(plan.cloud, (deed) => doToCloud(cloud, deed, cloudTimes), walked),
    walk(plan.broker, (deed) => doToBroker(deed, { broker, wiretap, times: brokerTimes, signal }), walked),
    walk(plan.daemon, (deed) => endLife(deed, { lives, signal, tell }), walked),
    walk(clipPlan.stick, (deed) => doToStick(cloud, deed, clipTimes), walked),
    walk(clipPlan.disk, (deed) => disk.act(deed, clipTimes, signal), walked),
  ])
  await pause(Math.max(0, begun + lengthMs - performance.now()), undefined, { signal }).catch(() => undefined)

  tell('peace')
  calmCloud(cloud, cloudTimes)
  await lives.stop()
  const peaceFrom = Date.now()
  lives.start(peaceful)
  await lives.runs(3)
  await lives.stop()
  if (followed) await saveTheRest({ cloud, lives, wiretap, tell })
  // Ctrl-C at a terminal has reached the broker, too.
  if (signal.aborted) await doToBroker(again, { broker, wiretap, times: brokerTimes, signal })
  lives.start(plan.first, quiet)
  await drain({ lives, wiretap })
  await lives.stop()
  const { received } = poller
  await until('the poller to have all', () => received.size >= ackedPayloads(wiretap).size).catch(
    () => undefined,
  )

  if (keep) {
    writeFileSync(join(keep, 'calls.json'), JSON.stringify({ calls: cloud.calls, lives: lives.all }))
  }
  const calls = cloud.calls.map(named).filter(({ accountId }) => accountId !== witness)
  return judge({
    seed,
    seconds: Math.round((performance.now() - begun) / 1000),
    given: await idsGiven(cloud),
    calls,
    followed,
    clips: followed
      ? judgeClips({
          ...{ journal: journalOf(cloud), directory: disk.directory, rows: lives.disks.at(-1)?.clips ?? [] },
          ...{ publishes: wiretap.publishes.filter(isClip), calls, struck: cloud.struckClips },
          ...{ lives: lives.all, times: clipTimes },
        })
      : undefined,
    lives,
    peaceFrom,
    wiretap,
    poller,
    cloud: cloudTimes,
    broker: brokerTimes,
    accessTokenMs: accessTokenSeconds * 1000,
    timeoutMs: timeoutSeconds * 1000,
  })
}

/** Peace goes on until all clips are there, or no more of them come. Accounts that are in a pause stay in it. */
async function saveTheRest({ cloud, lives, wiretap, tell }: Rest): Promise<void> {
  // A machine that stands still for a moment must not cost an account its credentials, or a clip a day.
  cloud.rotateRefreshTokens('never')
  lives.start(unhurried, patient)
  const wanted = journalOf(cloud).filter(({ onStick }) => onStick)
  const missing = () => {
    const published = wiretap.publishes.filter(isClip).map(({ payload }) => payload)
    return wanted.filter(({ sha256 }) => !published.some((payload) => payload.includes(sha256))).length
  }
  let left = missing()
  for (let since = performance.now(); left > 0 && performance.now() - since < nothingMoreMs; ) {
    await pause(500)
    const now = missing()
    if (now < left) since = performance.now()
    left = now
  }
  tell(`${left} of ${wanted.length} clips on the sticks have not been announced`)
  await lives.stop()
}

interface Rest {
  readonly cloud: Simulator
  readonly lives: Lives
  readonly wiretap: Wiretap
  readonly tell: (what: string) => void
}

/** With its account also where the cloud did not accept the token and so knew nobody. */
function named(call: Call): Call {
  const inPath = Number(/\/accounts\/(\d+)\//.exec(call.path)?.[1])
  return call.accountId === undefined && inPath ? { ...call, accountId: inPath } : call
}

async function endLife(
  { kind, moment, lateMs, downMs, next }: DaemonDeed,
  { lives, signal, tell }: { lives: Lives; signal: AbortSignal; tell: (what: string) => void },
): Promise<void> {
  if (kind === 'kill') await lives.kill(moment, lateMs)
  else await lives.stop()
  const last = lives.all.at(-1)
  tell(`${last?.end} ${last?.moment ?? ''}`)
  await pause(downMs, undefined, { signal }).catch(() => undefined)
  lives.start(next)
}

/** Waits until everything that was stored has been acknowledged, and the daemon has said that it is there. */
async function drain({ lives, wiretap }: { lives: Lives; wiretap: Wiretap }): Promise<void> {
  const stored = storedIds({ lives, wiretap }).size
  const left = () => stored - ackedPayloads(wiretap).size
  const since = Date.now()
  const online = () => wiretap.publishes.some(({ at, payload }) => at > since && payload === 'online')
  // The events of clips and manifests are in no log; the broker has had them when the file says so.
  const isEmpty = () => lives.waitingNow() === 0
  await until('the end of the deliveries', () => left() <= 0 && online() && isEmpty(), {
    lookEveryMs: 200,
  }).catch(() => undefined)
}

function ackedPayloads({ publishes }: Pick<Wiretap, 'publishes'>): ReadonlySet<string> {
  return new Set(
    publishes.filter((one) => isWorkItem(one) && one.ackedAt !== undefined).map(({ payload }) => payload),
  )
}
