/**
 * The retained topics: what a reader who subscribes tomorrow should see.
 *
 * Holds no payloads, only which modules have news; what to say is read when it is sent, so the latest wins and a
 * slow broker costs no memory. On each connection everything is said again, `bridge/state` last: a broker that
 * lost its store is whole again, and `online` never comes before what it promises.
 */
import { PublishRefused, StoreFailed } from '../errors.ts'
import { type BlinkId, keyOf, type Message, type ModuleKey } from '../model.ts'
import type { Log, Publisher } from '../ports.ts'
import { type ModuleView, moduleEnd, moduleIdentity, moduleProgress } from './module-state.ts'
import type { TellRefusal } from './refusals.ts'
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
  readonly modules: (accountId?: BlinkId) => readonly ModuleKey[]
  /** `undefined` for a module that should have no topics: unknown, or not wanted by the owner. */
  readonly view: (key: ModuleKey) => ModuleView | undefined
  readonly now: () => number
  readonly refused: TellRefusal
  readonly log: Log
}

/** What changed of a module: a request ID ended, its progress, or what it is. Who tells of one tells of those before it. */
const allNews = ['end', 'progress', 'identity'] as const
export type News = (typeof allNews)[number]

export interface Retained {
  /** Everything, then `bridge/state`; for each new connection. */
  all(): void
  /** Everything but `bridge/state`: for a connection that has more to say before the bridge is online. */
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
  /** Resolves when all that is waiting now has been acknowledged; the caller bounds the time. */
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
  const modules = new Map<string, { readonly key: ModuleKey; readonly news: News }>()
  const gone = new Map<string, ModuleKey>()
  const accounts = new Set<BlinkId>()
  let bridge = false
  let birth = false
  let working: Promise<void> | undefined

  const note = (key: ModuleKey, news: News) => {
    const name = keyOf(key)
    gone.delete(name)
    const noted = modules.get(name)?.news
    if (!noted || allNews.indexOf(noted) < allNews.indexOf(news)) modules.set(name, { key, news })
  }

  /** The next topics to publish, most general first; empties what it takes. */
  function* waiting(): Generator<Message> {
    for (;;) {
      if (bridge) {
        bridge = false
        yield needs.bridgeInfo()
      } else if (accounts.size > 0) {
        const [accountId = ''] = accounts
        accounts.delete(accountId)
        const message = needs.account(accountId)
        if (message) yield message
      } else if (gone.size > 0) {
        const [[name, key] = []] = gone
        if (name === undefined || !key) return
        gone.delete(name)
        yield* cleared(topics, key)
      } else if (modules.size > 0) {
        const [[name, entry] = []] = modules
        if (name === undefined || !entry) return
        modules.delete(name)
        yield* spoken(entry.key, entry.news)
      } else return
    }
  }

  function spoken(key: ModuleKey, news: News): readonly Message[] {
    try {
      const view = needs.view(key)
      const everything = news === 'identity'
      if (!view) return everything ? cleared(topics, key) : []
      if (news === 'end') return moduleEnd(topics, view, needs.now())
      const progress = moduleProgress(topics, view, { now: needs.now(), everything })
      return everything ? [...moduleIdentity(topics, view), ...progress] : progress
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      needs.log.error({ detail: error.message, remedy: error.remedy }, 'cannot read what to say of a module')
      return []
    }
  }

  function noteAll(accountId?: BlinkId): void {
    if (!needs.modulesToo) return
    asFarAsReadable(() => {
      for (const key of needs.modules(accountId)) note(key, 'identity')
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

  async function work(): Promise<void> {
    const queue = waiting()
    const send = async () => {
      for (const message of queue) await publish(message)
    }
    // The birth must follow the acknowledgements of all before it, so it is not shared among senders.
    const birthWanted = birth
    birth = false
    await Promise.all(Array.from({ length: windowSize }, send))
    // A connection that came in the meantime has its own birth, after what is said again for it.
    if (birthWanted && !birth && !signal.aborted) {
      await told(topics.bridgeState, () => needs.announce(signal))
    }
  }

  const publish = (message: Message) => told(message.topic, () => needs.publisher.publish(message, signal))

  async function told(topic: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) throw error
      needs.refused(topic, error, 'broker refused a state topic')
    }
  }

  const start = () => {
    if (working || signal.aborted) return
    working = work().finally(() => {
      working = undefined
      if (bridge || birth || accounts.size + gone.size + modules.size > 0) start()
    })
  }

  const everything = () => {
    bridge = true
    asFarAsReadable(() => {
      for (const accountId of needs.accounts()) accounts.add(accountId)
    })
    noteAll()
    start()
  }

  return {
    all() {
      birth = true
      everything()
    },
    everything,
    birth() {
      birth = true
      start()
    },
    bridge() {
      bridge = true
      start()
    },
    account(accountId) {
      accounts.add(accountId)
      start()
    },
    modulesOf(accountId) {
      noteAll(accountId)
      start()
    },
    module(key, news) {
      if (!needs.modulesToo) return
      note(key, news)
      start()
    },
    clear(key) {
      if (!needs.modulesToo) return
      modules.delete(keyOf(key))
      gone.set(keyOf(key), key)
      start()
    },
    async settled() {
      while (working) await working
    },
  }
}

function cleared(topics: Topics, key: ModuleKey): Message[] {
  const stem = topics.module(key)
  return retainedModuleTopics.map((name) => plain(`${stem}/${name}`, ''))
}
