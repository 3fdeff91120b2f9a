/**
 * Puts right what others leave on our topics.
 *
 * A retained topic that somebody has overwritten or cleared is published again: by the will of an earlier daemon under
 * another client id, by the goodbye of a second one, by a person with an MQTT explorer. Two daemons that both live
 * must not answer each other, so a topic that comes back wrong is published ever more rarely, and while another
 * installation is heard only what it has cleared, and `bridge/state`, on which both agree.
 *
 * Work items and events are never retained by us, so a retained one there is forged or left by a broken bridge. It
 * would reach each new subscriber, and is cleared.
 *
 * Under MQTT 5 the broker does not send us what we publish. Under 3.1.1 it does, so there only the bridge and the
 * accounts are watched, and retained work items are looked for right after connecting.
 */
import type { Clock } from '../domain/clock.ts'
import { DaemonError, StoreFailed } from '../domain/errors.ts'
import type { Message } from '../domain/model.ts'
import type { Log, Publisher, StatusReader } from '../domain/ports.ts'
import type { Broker, Incoming } from '../mqtt/client.ts'
import { ThrottledLog } from '../mqtt/log-throttle.ts'
import { accountState } from './bridge-state.ts'
import { moduleIdentity, moduleProgress } from './module-topics.ts'
import type { Retained } from './retained.ts'
import { plain, retainedModuleTopics, type Topics } from './topics.ts'

export interface RepairNeeds {
  readonly topics: Topics
  readonly broker: Pick<Broker, 'subscribe' | 'onConnect' | 'state'>
  readonly publisher: Publisher
  readonly modulesToo: boolean
  readonly status: Pick<StatusReader, 'account' | 'module'>
  readonly bridgeInfo: () => Message
  /** Publishes `bridge/state`; nothing before it was published on this connection. */
  readonly announce: () => void
  readonly retained: Pick<Retained, 'publish'>
  /** Called with what nobody expected. */
  readonly fail: (error: unknown) => void
  readonly clock: Clock
  readonly log: Log
}

export interface Repair {
  /** Another installation was heard. */
  other(installId: string): void
}

interface Wrong {
  /** What was there last; `undefined` when it was too large to be ours. */
  payload: string | undefined
  dueAt: number
}

/** What a person or a broker does comes in bursts. */
const settleMs = 2_000
const stateGapMs = 5_000
const firstGapMs = 10_000
const longestGapMs = 60 * 60_000
/** An installation that was not heard for so long has gone. */
const silentMs = 60_000
/** Each daemon publishes `bridge/info` with each run. */
const aliveMs = 15 * 60_000
/** After this long the broker has sent all that it keeps. */
const storedMs = 5_000
const largestPayload = 64 * 1024
const mostKept = 1_000
/** Topics that are worth a name. */
const oddTopics = { burst: 5, everyMs: 60 * 60_000 }

/** Watches until `signal` is aborted. */
export function openRepair(needs: RepairNeeds, signal: AbortSignal): Repair {
  const { topics, broker, clock } = needs
  const throttled = new ThrottledLog(clock, needs.log)
  const wrong = new Map<string, Wrong>()
  const repaired = new Map<string, { readonly at: number; readonly gapMs: number }>()
  let timer: (() => void) | undefined
  let otherAt = Number.NEGATIVE_INFINITY
  let other: string | undefined
  /** Others that went on to publish after we had published against them: they live. */
  const answered = new Set<string>()

  function heard({ topic, payload, retain }: Incoming): void {
    // All that the broker has kept is published anew after connecting.
    if (signal.aborted || retain || wrong.size >= mostKept) return
    const text = payload.length > largestPayload ? undefined : Buffer.from(payload).toString('utf8')
    const before = wrong.get(topic)
    if (before) before.payload = text
    else wrong.set(topic, { payload: text, dueAt: clock.elapsed() + settleMs })
    timer ??= clock.after(settleMs, startLook)
  }

  function startLook(): void {
    look().catch(needs.fail)
  }

  async function look(): Promise<void> {
    timer = undefined
    if (signal.aborted) return
    for (const [topic, each] of wrong) {
      if (each.dueAt > clock.elapsed()) continue
      wrong.delete(topic)
      try {
        await judge(topic, each)
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
      }
    }
    if (wrong.size > 0) timer ??= clock.after(settleMs, startLook)
  }

  async function judge(topic: string, { payload }: Wrong): Promise<void> {
    if (!broker.state.connected) return
    const ours = await ownOf(topic)
    if (!ours || ours.payload === payload) return
    const now = clock.elapsed()
    const isState = topic === topics.bridgeState
    const isRivals = now - otherAt < aliveMs && payload !== '' && !isState
    if (isRivals && topic !== topics.bridgeInfo) return
    if (isRivals && now - otherAt < silentMs) {
      later(topic, payload, otherAt + silentMs)
      return
    }
    if (isRivals && other !== undefined) {
      if (answered.has(other)) return
      answered.add(other)
    }
    const last = repaired.get(topic)
    if (last && now - last.at < last.gapMs) {
      later(topic, payload, last.at + last.gapMs)
      return
    }
    const grown = last && now - last.at < 2 * longestGapMs ? last.gapMs * 2 : firstGapMs
    repaired.delete(topic)
    repaired.set(topic, { at: now, gapMs: isState ? stateGapMs : Math.min(grown, longestGapMs) })
    if (repaired.size > mostKept) repaired.delete([...repaired.keys()][0] ?? '')
    const change = isState ? 'state' : payload === '' ? 'cleared' : 'overwritten'
    throttled.say(
      'warn',
      {
        topic,
        was: isState ? payload?.slice(0, 20) : change,
        remedy: 'If that was no person, let no other user write this topic on the broker.',
      },
      'another client changed a retained topic of ours, publishing it again',
      { kind: `repaired ${change}` },
    )
    ours.publish()
  }

  function later(topic: string, payload: string | undefined, dueAt: number): void {
    if (!wrong.has(topic)) wrong.set(topic, { payload, dueAt })
  }

  /** What the topic should hold, and how to publish it; `undefined` for a topic that is not ours. */
  async function ownOf(
    topic: string,
  ): Promise<{ readonly payload: string; readonly publish: () => void } | undefined> {
    const { status, retained, bridgeInfo, announce } = needs
    if (topic === topics.bridgeState) return { payload: 'online', publish: announce }
    if (topic === topics.bridgeInfo) {
      return { payload: bridgeInfo().payload, publish: () => retained.publish('bridge') }
    }
    const [kind, accountId = '', networkId = '', syncModuleId = ''] = topic
      .slice(topics.base.length + 1)
      .split('/')
    if (kind === 'account') {
      const snapshot = await status.account(accountId)
      if (!snapshot) return undefined
      const { payload } = accountState(topics, snapshot)
      return { payload, publish: () => retained.publish(accountId) }
    }
    if (![accountId, networkId, syncModuleId].every((id) => /^\d{1,19}$/.test(id))) return undefined
    const key = { accountId, networkId, syncModuleId }
    const snapshot = await status.module(key)
    if (!snapshot) return undefined
    const when = { now: clock.now(), everything: true, ended: true }
    const messages = [...moduleIdentity(topics, snapshot), ...moduleProgress(topics, snapshot, when)]
    const message = messages.find((each) => each.topic === topic)
    return message && { payload: message.payload, publish: () => retained.publish(key) }
  }

  const cleared = new Map<string, number>()
  function neverRetained({ topic, payload, retain }: Incoming): void {
    if (signal.aborted || !retain || payload.length === 0) return
    const now = clock.elapsed()
    const before = cleared.get(topic)
    if (before !== undefined ? now - before < longestGapMs : cleared.size >= mostKept) return
    cleared.set(topic, now)
    const kind = topic.replace(/(?<=\/)\d+(?=\/|$)/g, '+')
    throttled.say(
      'warn',
      {
        topic,
        remedy: `We never retain it. Whoever may write ${kind} on the broker, or a bridge to another broker, could have left it; let only this user write there.`,
      },
      'cleared a retained message that another client left',
      // The ids in a topic may be anything, so that it is no kind of its own.
      { rate: oddTopics },
    )
    needs.publisher.publish(plain(topic, ''), signal).catch((error: unknown) => {
      // Without the right to do so it stays; the log has told of it.
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
      ends.push(...retainedModuleTopics.map((name) => broker.subscribe(`${stem}/${name}`, heard, quiet)))
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
