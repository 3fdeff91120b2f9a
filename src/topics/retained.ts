/**
 * The retained topics: what a reader who subscribes tomorrow should see.
 *
 * Holds no payloads, only which modules have news; what to say is read when it is sent, so the latest wins and a
 * slow broker costs no memory. On each connection everything is said again, `bridge/state` last: a broker that
 * lost its store is whole again, and `online` never comes before what it promises.
 */
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { BlinkId, Message, ModuleKey } from '../domain/model.ts'
import type { Log, Publisher } from '../domain/ports.ts'
import { smallerThan, type TellRefusal } from '../mqtt/refusals.ts'
import { type Entry, type News, StateNews } from './dirty-set.ts'
import { type ModuleView, moduleEnd, moduleIdentity, moduleProgress } from './module-topics.ts'
import { plain, retainedModuleTopics, type Topics } from './topics.ts'

export interface RetainedNeeds {
  readonly topics: Topics
  readonly publisher: Publisher
  /** Publishes the birth, `bridge/state` online. */
  readonly announce: (signal: AbortSignal) => Promise<void>
  /** False publishes only bridge and account topics. */
  readonly modulesToo: boolean
  readonly bridgeInfo: () => Message
  /** One at a time: those that come before a StoreFailed are told of all the same. */
  readonly accounts: () => Iterable<BlinkId>
  readonly account: (accountId: BlinkId) => Message | undefined
  /** Those that are gone included, until they are cleared. */
  readonly modules: (accountId?: BlinkId) => readonly ModuleKey[]
  /** `undefined` for a module that should have no topics: gone, unknown, or not wanted by the owner. */
  readonly view: (key: ModuleKey) => ModuleView | undefined
  /**
   * Whether nothing reads the topics of a module that is to have none. While false they are not cleared;
   * `module(key, 'identity')` tries again.
   */
  readonly moduleUnread: (key: ModuleKey) => boolean
  /** The same of an account that is gone; `account` tries again. */
  readonly accountUnread: (accountId: BlinkId) => boolean
  /** The broker has cleared the topics of a module that is not to have any. */
  readonly cleared: (key: ModuleKey) => void
  readonly now: () => number
  readonly refused: TellRefusal
  readonly log: Log
}

export interface Retained {
  /** Everything, then `bridge/state`; for each new connection. */
  all(): void
  /** Everything but `bridge/state`: for a connection that has more to say first, and its own birth. */
  everything(): void
  /** `bridge/state`, after all that is waiting now. */
  birth(): void
  bridge(): void
  account(accountId: BlinkId): void
  /** The account's modules, availability included. */
  modulesOf(accountId: BlinkId): void
  module(key: ModuleKey, news: News): void
  /** Clears the topics of a module that is gone. */
  clear(key: ModuleKey): void
  /** Resolves when all that is waiting now has been acknowledged, whatever comes meanwhile; the caller bounds the time. */
  settled(): Promise<void>
}

/** The birth and the will: both plain, retained, QoS 1. */
export const online = 'online'
export const offline = 'offline'

/** Unacknowledged state publishes at a time. */
const windowSize = 32

/** Publishes until `signal` is aborted. */
export function keepRetained(needs: RetainedNeeds, signal: AbortSignal): Retained {
  const { topics } = needs
  const news = new StateNews()
  const sending = new Set<Promise<void>>()
  /** What follows when the broker has taken a message. */
  const whenTaken = new WeakMap<Message, () => void>()
  const queue = waiting()
  let starting = false
  let births = 0
  let birth = Promise.resolve()

  /** The next topic to publish, or `undefined` when there is none. */
  function* waiting(): Generator<Message | undefined, never> {
    for (;;) {
      const next = news.take()
      if (next) yield* messagesOf(next)
      else yield undefined
    }
  }

  function messagesOf(entry: Entry): Iterable<Message> {
    switch (entry.kind) {
      case 'bridge':
        return [needs.bridgeInfo()]
      case 'account':
        return ofAccount(entry.accountId)
      case 'gone':
        return clearing(entry.key)
      case 'module':
        return spoken(entry)
      case 'mark':
        entry.reached()
        return []
    }
  }

  function ofAccount(accountId: BlinkId): Iterable<Message> {
    const message = needs.account(accountId)
    return message && (message.payload !== '' || needs.accountUnread(accountId)) ? [message] : []
  }

  function spoken({ key, news: what, ended }: Extract<Entry, { kind: 'module' }>): Iterable<Message> {
    try {
      const view = needs.view(key)
      const everything = what === 'identity'
      if (!view) return everything ? clearing(key) : []
      if (what === 'end') return moduleEnd(topics, view, needs.now())
      const progress = moduleProgress(topics, view, { now: needs.now(), everything, ended })
      return everything ? [...moduleIdentity(topics, view), ...progress] : progress
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      needs.log.error({ detail: error.message, remedy: error.remedy }, 'cannot read what to say of a module')
      return []
    }
  }

  function clearing(key: ModuleKey): readonly Message[] {
    if (!needs.moduleUnread(key)) return []
    const messages = cleared(topics, key)
    let left = messages.length
    const taken = () => {
      if (--left === 0) needs.cleared(key)
    }
    for (const message of messages) whenTaken.set(message, taken)
    return messages
  }

  function noteAll(accountId?: BlinkId): void {
    if (!needs.modulesToo) return
    asFarAsReadable(() => {
      for (const key of needs.modules(accountId)) news.module(key, 'identity')
    })
  }

  function asFarAsReadable(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      needs.log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which modules there are')
    }
  }

  /** Soon, and not at once: of news that come together the largest is said, once. */
  function start(): void {
    if (starting) return
    starting = true
    queueMicrotask(() => {
      starting = false
      pump()
    })
  }

  function pump(): void {
    while (sending.size < windowSize && !signal.aborted) {
      const message = queue.next().value
      if (!message) return
      const sent = publish(message).finally(() => {
        sending.delete(sent)
        pump()
      })
      sending.add(sent)
    }
  }

  async function publish(message: Message): Promise<void> {
    for (let next: Message | undefined = message; next; ) {
      const said: Message = next
      const end = await endOf(said.topic, () => needs.publisher.publish(said, signal))
      if (end === 'taken') whenTaken.get(said)?.()
      next = end instanceof PublishRefused ? smallerThan(said, end) : undefined
    }
  }

  async function endOf(
    topic: string,
    work: () => Promise<void>,
  ): Promise<'taken' | 'stopped' | PublishRefused> {
    try {
      await work()
      return 'taken'
    } catch (error) {
      if (signal.aborted) return 'stopped'
      if (!(error instanceof PublishRefused)) throw error
      needs.refused(topic, error, 'broker refused a state topic')
      return error
    }
  }

  /** Resolves when all that is waiting now has been acknowledged, or `signal` is aborted. */
  async function passed(): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<unknown>()
    signal.addEventListener('abort', resolve)
    // Not a moment without news: in a fleet there may be none for long.
    news.mark(() => resolve(Promise.all(sending)))
    start()
    await promise
    signal.removeEventListener('abort', resolve)
  }

  async function sayBirth(): Promise<void> {
    const mine = ++births
    await passed()
    if (mine === births && !signal.aborted) await endOf(topics.bridgeState, () => needs.announce(signal))
  }

  const everything = () => {
    // A birth that waits was meant for what was to be said before.
    births++
    news.bridge()
    asFarAsReadable(() => {
      for (const accountId of needs.accounts()) news.account(accountId)
    })
    noteAll()
    start()
  }

  return {
    all() {
      everything()
      birth = sayBirth()
    },
    everything,
    birth() {
      birth = sayBirth()
    },
    bridge() {
      news.bridge()
      start()
    },
    account(accountId) {
      news.account(accountId)
      start()
    },
    modulesOf(accountId) {
      noteAll(accountId)
      start()
    },
    module(key, what) {
      if (!needs.modulesToo) return
      news.module(key, what)
      start()
    },
    clear(key) {
      if (!needs.modulesToo) return needs.cleared(key)
      news.gone(key)
      start()
    },
    async settled() {
      await Promise.all([birth, passed()])
    },
  }
}

function cleared(topics: Topics, key: ModuleKey): Message[] {
  const stem = topics.module(key)
  return retainedModuleTopics.map((name) => plain(`${stem}/${name}`, ''))
}
