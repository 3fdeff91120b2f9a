/**
 * Repairs what other clients change on our topics.
 *
 * A retained topic that another client has overwritten or cleared is published again: the will of an earlier daemon
 * under another client id does that, the end of a second daemon, a person with an MQTT explorer. Two daemons that both
 * run must not answer each other, so a topic that is changed again is published ever more rarely, and while another
 * installation is heard only what it has cleared, and `bridge/state`, on which both agree.
 *
 * Work items and events are never retained by us, so a retained one there is forged or left by a broken bridge. It
 * would reach each new subscriber, and is cleared.
 *
 * Under MQTT 5 the broker does not send us what we publish. Under 3.1.1 it does, so there only the bridge and the
 * accounts are watched, and retained work items are looked for right after connecting.
 *
 * Whoever may write there can send a flood, so of each message only a hash is kept, and of topics a limited number.
 */
import { hash } from 'node:crypto'
import type { CameraKey } from '../domain/clip.ts'
import { DaemonError, StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey } from '../domain/model.ts'
import type { Runtime } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import type { Broker, Incoming } from '../mqtt/client.ts'
import { lastClip } from './clip-topics.ts'
import { online, type RetainedSource, type RetainedTopics } from './retained.ts'
import { accountState, moduleIdentity, moduleProgress } from './state-topics.ts'
import { plain, retainedModuleTopics } from './topics.ts'

export interface RepairNeeds extends Runtime, RetainedSource {
  readonly broker: Pick<Broker, 'publish' | 'subscribe' | 'onConnect' | 'state'>
  /** Publishes `bridge/state`; nothing before it was published on this connection. */
  readonly announce: () => void
  readonly retained: Pick<RetainedTopics, 'publish'>
  /** Whether others of this installation publish modules and accounts: of these only what was cleared is repaired. */
  readonly isShared?: boolean
}

export interface Repair {
  /** Another installation was heard. */
  other(installId: string): void
}

/** A payload, as far as it matters. */
interface Print {
  readonly hash: string
  readonly isEmpty: boolean
  /** Its beginning, for the log. */
  readonly shown: string
}

interface Changed {
  print: Print
  readonly dueAt: number
}

/** What a person or a broker does comes in bursts. */
const settleMs = 2_000
/** How long after a failure of storage it is read again. */
const retryMs = 30_000
const stateGapMs = 5_000
const firstGapMs = 10_000
const longestGapMs = 60 * 60_000
/** An installation that was not heard for so long no longer runs. */
const silentMs = 60_000
/** Each daemon publishes `bridge/info` with each run. */
const aliveMs = 15 * 60_000
/** After this long the broker has sent all that it keeps. */
const storedMs = 5_000
/** Of topics and of hashes of them. */
const mostKept = 1_000
const shownLength = 20
/** Topics that are worth a name. */
const oddTopics = { burst: 5, everyMs: 60 * 60_000 }

/** Watches until `signal` is aborted. */
export function openRepair(needs: RepairNeeds, signal: AbortSignal): Repair {
  const { topics, broker, clock } = needs
  const throttled = new ThrottledLog(clock, needs.log)
  const changed = new Map<string, Changed>()
  const repaired = new Map<string, { readonly at: number; readonly gapMs: number }>()
  let timer: (() => void) | undefined
  let otherAt = Number.NEGATIVE_INFINITY
  let other: string | undefined
  /** Others that went on to publish after we had published against them: they run. */
  const answered = new Set<string>()

  function heard({ topic, payload, retain }: Incoming): void {
    // All that the broker has kept is published anew after connecting.
    if (signal.aborted || retain) return
    const subject = subjectOf(topic)
    const isBridge = subject === 'state' || subject === 'info'
    if (!subject) return
    if (needs.isShared && !isBridge && payload.length > 0) {
      // Whatever was cleared is there again.
      changed.delete(topic)
      return
    }
    const print = printOf(payload)
    const before = changed.get(topic)
    if (before) before.print = print
    else if (changed.size >= mostKept) return
    else changed.set(topic, { print, dueAt: clock.elapsed() + settleMs })
    timer ??= clock.after(settleMs, startCheck)
  }

  function startCheck(): void {
    check().catch(needs.fail)
  }

  async function check(): Promise<void> {
    timer = undefined
    if (signal.aborted) return
    for (const [topic, each] of changed) {
      if (each.dueAt > clock.elapsed()) continue
      changed.delete(topic)
      try {
        await repair(topic, each.print)
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
        later(topic, each.print, clock.elapsed() + retryMs)
      }
    }
    if (changed.size > 0) timer ??= clock.after(settleMs, startCheck)
  }

  async function repair(topic: string, print: Print): Promise<void> {
    if (!broker.state.connected) return
    const ours = await oursOf(topic)
    if (!ours || hashOf(ours.payload) === print.hash) return
    const now = clock.elapsed()
    const isState = topic === topics.bridgeState
    const isOthers = now - otherAt < aliveMs && !print.isEmpty && !isState
    if (isOthers && topic !== topics.bridgeInfo) return
    if (isOthers && now - otherAt < silentMs) {
      later(topic, print, otherAt + silentMs)
      return
    }
    if (isOthers && other !== undefined) {
      if (answered.has(other)) return
      answered.add(other)
    }
    const last = repaired.get(topic)
    if (last && now - last.at < last.gapMs) {
      later(topic, print, last.at + last.gapMs)
      return
    }
    const grown = last && now - last.at < 2 * longestGapMs ? last.gapMs * 2 : firstGapMs
    repaired.delete(topic)
    repaired.set(topic, { at: now, gapMs: isState ? stateGapMs : Math.min(grown, longestGapMs) })
    if (repaired.size > mostKept) repaired.delete([...repaired.keys()][0] ?? '')
    const change = isState ? 'state' : print.isEmpty ? 'cleared' : 'overwritten'
    throttled.log(
      'warn',
      {
        topic,
        was: isState ? print.shown : change,
        remedy: 'If that was no person, let no other user write this topic on the broker.',
      },
      'another client changed a retained topic of ours, publishing it again',
      { kind: `repaired ${change}` },
    )
    ours.publish()
  }

  function later(topic: string, print: Print, dueAt: number): void {
    if (!changed.has(topic)) changed.set(topic, { print, dueAt })
  }

  /** Which of our topics it may be; whether we know the account or the module, only storage knows. */
  function subjectOf(topic: string): 'state' | 'info' | BlinkId | ModuleKey | CameraKey | undefined {
    if (topic === topics.bridgeState) return 'state'
    if (topic === topics.bridgeInfo) return 'info'
    if (topic.length > topics.base.length + longestPath) return undefined
    const [kind, ...ids] = topic.slice(topics.base.length + 1).split('/')
    const [accountId = '', networkId = '', syncModuleId = ''] = ids
    if (!isId(accountId)) return undefined
    if (kind === 'account') return accountId
    if (kind === 'camera') return cameraOf({ accountId, networkId, rest: ids.slice(2) })
    return isId(networkId) && isId(syncModuleId) ? { accountId, networkId, syncModuleId } : undefined
  }

  /** What the topic should hold, and how to publish it; `undefined` for a topic that is not ours. */
  async function oursOf(
    topic: string,
  ): Promise<{ readonly payload: string; readonly publish: () => void } | undefined> {
    const { status, retained, bridgeInfo, announce } = needs
    const subject = subjectOf(topic)
    if (subject === undefined) return undefined
    if (subject === 'state') return { payload: online, publish: announce }
    if (subject === 'info') {
      return { payload: bridgeInfo().payload, publish: () => retained.publish('bridge') }
    }
    if (typeof subject === 'string') {
      const snapshot = await status.account(subject)
      if (!snapshot) return undefined
      const { payload } = accountState(topics, snapshot)
      return { payload, publish: () => retained.publish(subject) }
    }
    if ('camera' in subject) {
      const last = (await status.camera(subject))?.last
      if (!last) return undefined
      const { payload } = lastClip(topics, last, needs.mediaPrefix)
      return { payload, publish: () => retained.publish(subject) }
    }
    const snapshot = await status.module(subject)
    if (!snapshot) return undefined
    const when = { now: clock.now(), everything: true, expired: true }
    const messages = [...moduleIdentity(topics, snapshot), ...moduleProgress(topics, snapshot, when)]
    const message = messages.find((each) => each.topic === topic)
    return message && { payload: message.payload, publish: () => retained.publish(subject) }
  }

  /** When a topic was cleared, by its hash, the oldest first. */
  const cleared = new Map<string, number>()
  function neverRetained({ topic, payload, retain }: Incoming): void {
    if (signal.aborted || !retain || payload.length === 0) return
    const now = clock.elapsed()
    for (const [name, at] of cleared) {
      if (now - at < longestGapMs) break
      cleared.delete(name)
    }
    if (cleared.has(hashOf(topic)) || cleared.size >= mostKept) return
    cleared.set(hashOf(topic), now)
    const kind = topic.replace(/(?<=\/)\d+(?=\/|$)/g, '+')
    throttled.log(
      'warn',
      {
        topic,
        remedy: `We never retain it. Whoever may write ${kind} on the broker, or a bridge to another broker, could have left it; let only this user write there.`,
      },
      'cleared a retained message that another client left',
      // The ids in a topic may be anything, so that it is no kind of its own.
      { rate: oddTopics },
    )
    broker.publish(plain(topic, ''), signal).catch((error: unknown) => {
      // Without the right to clear it, it stays; the line above named it.
      if (!signal.aborted && !(error instanceof DaemonError)) throw error
    })
  }

  const stem = `${topics.base}/sync/+/+/+`
  const quiet = { noLocal: true, onlyNew: true }
  const everRetained = [topics.bridgeEvent, `${stem}/manifest/requested`, `${stem}/event`]
  let ends: (() => void)[] = []
  const end = () => {
    for (const each of ends) each()
    ends = []
  }
  broker.subscribe(topics.bridgeState, heard, { noLocal: true })
  broker.subscribe(topics.bridgeInfo, heard, { noLocal: true })
  broker.subscribe(topics.accountState('+'), heard, quiet)
  let watched: 4 | 5 | undefined
  const unlisten = broker.onConnect(({ protocol }) => {
    if (watched === 5 && protocol === 5) return
    end()
    watched = protocol
    ends = everRetained.map((filter) =>
      broker.subscribe(filter, neverRetained, { noLocal: true, retainAsPublished: true }),
    )
    if (protocol === 4) {
      const stop = clock.after(storedMs, end)
      ends.push(stop)
    } else if (needs.modulesToo) {
      const cameras = ['+', 'unknown/+'].map((name) => `${topics.base}/camera/+/+/${name}/last_clip`)
      const watching = [...retainedModuleTopics.map((name) => `${stem}/${name}`), ...cameras]
      ends.push(...watching.map((filter) => broker.subscribe(filter, heard, quiet)))
    }
  })
  signal.addEventListener('abort', () => {
    unlisten()
    timer?.()
    if (watched === 4) end()
  })
  return {
    other(installId) {
      otherAt = clock.elapsed()
      other = installId
    },
  }
}

/** Longer topics are none of ours: three ids and the longest name. */
const longestPath = 100

/** The camera of a topic's last parts: its own, and `last_clip`. */
function cameraOf({ accountId, networkId, rest }: CameraPath): CameraKey | undefined {
  const [, camera] = /^(\d{1,19}|unknown\/[\da-f]{8})\/last_clip$/.exec(rest.join('/')) ?? []
  return camera !== undefined && isId(networkId) ? { accountId, networkId, camera } : undefined
}

interface CameraPath {
  readonly accountId: BlinkId
  readonly networkId: string
  readonly rest: readonly string[]
}

const isId = (text: string): boolean => /^\d{1,19}$/.test(text)
const hashOf = (data: string | Uint8Array): string => hash('sha1', data, 'base64')

function printOf(payload: Uint8Array): Print {
  const shown = Buffer.from(payload.subarray(0, shownLength)).toString('utf8')
  return { hash: hashOf(payload), isEmpty: payload.length === 0, shown }
}
