/**
 * The retained topics: what a reader who subscribes tomorrow should see.
 *
 * Holds no payloads, only which topics need publishing again; the payload is read when it is sent, so the latest wins
 * and a slow broker costs no memory. On each connection everything is published again, `bridge/state` last: a broker
 * that lost its store is whole again, and `online` never comes before what it promises.
 */
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf, type Message, type ModuleKey } from '../domain/model.ts'
import type { Ledger, Log, Observer, Publisher, StatusReader } from '../domain/ports.ts'
import { smallerThan, type TellRefusal } from '../mqtt/refusals.ts'
import { accountState } from './bridge-state.ts'
import { type Entry, type News, StateNews } from './dirty-set.ts'
import { moduleEnd, moduleIdentity, moduleProgress } from './module-topics.ts'
import { plain, retainedModuleTopics, type Topics } from './topics.ts'

/** Reads the retained topics by documents of its own, which must go before the topics do. */
export interface TopicReader {
  /** Publishes the documents; called on each connection when the state is there. */
  introduce(): Promise<void>
  /** Removes documents of what is no longer known. */
  sweep(): Promise<void>
  /** Removes the document that reads the topics of a module or of an account. */
  beforeClearing(removed: ModuleKey | BlinkId): Promise<void>
}

export interface RetainedNeeds {
  readonly topics: Topics
  readonly publisher: Publisher
  /** False publishes only bridge and account topics. */
  readonly modulesToo: boolean
  readonly bridgeInfo: () => Message
  readonly status: Pick<StatusReader, 'accounts' | 'account' | 'module'>
  readonly ledger: Pick<Ledger, 'keysAndGone' | 'forget'>
  readonly reader: Pick<TopicReader, 'beforeClearing'> | undefined
  readonly now: () => number
  readonly refused: TellRefusal
  readonly log: Log
  readonly fail: (error: unknown) => void
}

export interface Retained extends Observer {
  /** Publishes one thing again: `bridge/info`, an account, or a module. */
  publish(what: 'bridge' | BlinkId | ModuleKey): void
  /** Everything but `bridge/state`. */
  everything(): Promise<void>
  /** Resolves when all that waits now has been acknowledged, whatever comes meanwhile; the caller bounds the time. */
  settled(): Promise<void>
}

/** The birth and the will: both plain, retained, QoS 1. */
export const online = 'online'
export const offline = 'offline'

type ModuleEntry = Extract<Entry, { kind: 'module' }>

/** Modules whose topics are on their way at a time. */
const windowSize = 32

/** Publishes until `signal` is aborted. */
export function keepRetained(needs: RetainedNeeds, signal: AbortSignal): Retained {
  const { topics, status, ledger, log } = needs
  const news = new StateNews()
  const working = new Set<Promise<void>>()
  /** What is being removed from the reader, and what no longer has a document there. */
  const [removing, unread] = [new Set<string>(), new Set<string>()]
  let starting = false

  async function messagesOf(entry: Exclude<Entry, { kind: 'mark' }>): Promise<readonly Message[]> {
    switch (entry.kind) {
      case 'bridge':
        return [needs.bridgeInfo()]
      case 'account':
        return accountMessages(entry.accountId)
      case 'gone':
        return clearing(entry.key)
      case 'module':
        return moduleMessages(entry)
    }
  }

  async function accountMessages(accountId: BlinkId): Promise<readonly Message[]> {
    const snapshot = await status.account(accountId)
    if (snapshot) return [accountState(topics, snapshot)]
    return afterReader(accountId, accountId, () => [plain(topics.accountState(accountId), '')])
  }

  async function moduleMessages({ key, news: what, ended }: ModuleEntry): Promise<readonly Message[]> {
    const snapshot = await status.module(key)
    const everything = what === 'identity'
    if (!snapshot) return everything ? clearing(key) : []
    const now = needs.now()
    if (what === 'end') return moduleEnd(topics, snapshot, now)
    const progress = moduleProgress(topics, snapshot, { now, everything, ended })
    return everything ? [...moduleIdentity(topics, snapshot), ...progress] : progress
  }

  function clearing(key: ModuleKey): readonly Message[] {
    return afterReader(keyOf(key), key, () => cleared(topics, key))
  }

  /** The messages, once the reader has no document of what is removed; nothing now, and these later, until then. */
  function afterReader(
    name: string,
    what: ModuleKey | BlinkId,
    messages: () => readonly Message[],
  ): readonly Message[] {
    if (!needs.reader || unread.delete(name)) return messages()
    if (removing.has(name)) return []
    removing.add(name)
    const removal = needs.reader.beforeClearing(what).finally(() => removing.delete(name))
    note(
      removal.then(() => {
        unread.add(name)
        if (typeof what === 'string') news.account(what)
        else news.module(what, 'identity')
        start()
      }),
    )
    return []
  }

  async function publishEntry(entry: Exclude<Entry, { kind: 'mark' }>): Promise<void> {
    const messages = await messagesOf(entry)
    const taken = await Promise.all(messages.map(isTaken))
    const isCleared = messages.length > 0 && messages.every(({ payload }) => payload === '')
    if ('key' in entry && isCleared && taken.every(Boolean)) await ledger.forget(entry.key)
  }

  async function isTaken(message: Message): Promise<boolean> {
    try {
      await needs.publisher.publish(message, signal)
      return true
    } catch (error) {
      if (signal.aborted) return false
      if (!(error instanceof PublishRefused)) throw error
      needs.refused(message.topic, error, 'broker refused a state topic')
      const smaller = smallerThan(message, error)
      return smaller !== undefined && isTaken(smaller)
    }
  }

  async function publishNext(entry: Exclude<Entry, { kind: 'mark' }>): Promise<void> {
    try {
      await publishEntry(entry)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof StoreFailed)) return needs.fail(error)
      // It is published again on the next connection.
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot read the state to publish')
    }
  }

  /** Soon, and not at once: of what comes together for one module, the largest change is published, once. */
  function start(): void {
    if (starting) return
    starting = true
    queueMicrotask(() => {
      starting = false
      pump()
    })
  }

  function pump(): void {
    while (working.size < windowSize && !signal.aborted) {
      const entry = news.take()
      if (!entry) return
      if (entry.kind === 'mark') {
        entry.reached()
        continue
      }
      const work = publishNext(entry).finally(() => {
        working.delete(work)
        pump()
      })
      working.add(work)
    }
  }

  async function noteModules(accountId?: BlinkId): Promise<void> {
    if (!needs.modulesToo) return
    for (const key of await ledger.keysAndGone(accountId)) news.module(key, 'identity')
    start()
  }

  function note(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (signal.aborted) return
      if (!(error instanceof StoreFailed)) return needs.fail(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which modules there are')
    })
  }

  function module(key: ModuleKey, what: News): void {
    if (!needs.modulesToo) return
    news.module(key, what)
    start()
  }

  function account(accountId: BlinkId): void {
    news.account(accountId)
    start()
    note(noteModules(accountId))
  }

  async function noteEverything(): Promise<void> {
    news.bridge()
    start()
    const active = (await status.accounts()).map(({ accountId }) => accountId)
    // Those of modules we know whose account is no longer active have topics to be cleared.
    const known = (await ledger.keysAndGone()).map(({ accountId }) => accountId)
    for (const accountId of new Set([...active, ...known])) news.account(accountId)
    await noteModules()
  }

  return {
    publish(what) {
      if (typeof what !== 'string') module(what, 'identity')
      else if (what === 'bridge') news.bridge()
      else news.account(what)
      start()
    },
    async everything() {
      try {
        await noteEverything()
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
        log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which modules there are')
      }
    },
    async settled() {
      if (signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<unknown>()
      const aborted = () => resolve(undefined)
      signal.addEventListener('abort', aborted)
      // Not a moment without work: in a fleet there may be none for long.
      news.mark(() => resolve(Promise.all(working)))
      start()
      await promise
      signal.removeEventListener('abort', aborted)
    },

    modulesListed(_accountId, { altered, gone }) {
      for (const key of altered) module(key, 'identity')
      for (const key of gone) {
        if (!needs.modulesToo) note(ledger.forget(key))
        else news.gone(key)
      }
      start()
    },
    moduleFinished(report) {
      if (report.kind !== 'skipped' || report.reason !== 'excluded') module(report.module, 'progress')
    },
    moduleChanged(key, change) {
      module(key, change === 'expired' ? 'end' : change === 'polling' ? 'progress' : 'identity')
    },
    accountChanged: ({ accountId }) => account(accountId),
    accountRemoved: (accountId) => account(accountId),
    settingsChanged(change) {
      news.bridge()
      start()
      // The next attempts are not what was published before.
      if (change === 'clock') note(noteModules())
    },
  }
}

function cleared(topics: Topics, key: ModuleKey): readonly Message[] {
  const stem = topics.module(key)
  return retainedModuleTopics.map((name) => plain(`${stem}/${name}`, ''))
}
