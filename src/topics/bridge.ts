/**
 * What is published once for all accounts: everything on each connection, `bridge/state`, repairs, expiry, and the
 * responses to commands.
 *
 * On each connection all retained state goes out first, then the documents that read it, then `bridge/state`: a
 * broker that lost its store is whole again, and `online` never comes before what it promises.
 */
import type { Command, CommandResult } from '../domain/commands.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Observer, Storage } from '../domain/ports.ts'
import type { Broker } from '../mqtt/client.ts'
import { watchExpiry } from '../outbox/expiry.ts'
import { subscribeCommands } from './command-subscriber.ts'
import { watchForOthers } from './other-installation.ts'
import { openRepair } from './repair.ts'
import { publishRetained, type RetainedNeeds, type TopicReader } from './retained.ts'
import { plain } from './topics.ts'

export interface BridgeNeeds extends RetainedNeeds {
  readonly broker: Broker
  readonly storage: Pick<Storage, 'clips' | 'installation' | 'ledger'>
  /** Life of a request ID. */
  readonly ttlMs: number
  /** Whether manifests were perhaps followed until now, so that topics of them are left. */
  readonly unfollowed: boolean
  readonly notify: Pick<Notifier, 'moduleChanged'>
  /** Absent where nobody reads the topics by documents of its own. */
  readonly reader: TopicReader | undefined
  /** Carries out commands; absent where none are taken. */
  readonly handle: ((command: Command) => Promise<CommandResult>) | undefined
}

export interface Bridge {
  readonly observers: readonly Observer[]
  /** Resolves when all state that waits now has been acknowledged. */
  settled(): Promise<void>
}

/** Publishes on each connection until `signal` is aborted. */
export function publishBridge(needs: BridgeNeeds, signal: AbortSignal): Bridge {
  const { topics, broker, storage, modulesToo, reader, refused, clock, log, fail } = needs
  const retained = publishRetained(needs, signal)
  let connections = 0
  /** Whether the documents, and `bridge/state`, were published on the present connection. */
  let [isDocumented, isAnnounced] = [false, false]
  let connecting: Promise<void> = Promise.resolve()

  async function publishAll(): Promise<void> {
    const mine = ++connections
    const isLast = () => mine === connections && !signal.aborted
    await retained.publishAll()
    await retained.settled()
    // Of connections that come and go, only the last one goes on.
    if (!isDocumented && isLast()) {
      await reader?.publishDocuments()
      if (isLast()) isDocumented = true
      if (needs.unfollowed && isLast()) await clearUnfollowed()
    }
    if (isLast()) await announce()
  }

  /** After the documents, which read it no longer: Home Assistant logs an error for each empty topic that one reads. */
  async function clearUnfollowed(): Promise<void> {
    if (!modulesToo) return
    try {
      for (const key of await storage.clips.followed()) {
        await broker.publish(plain(`${topics.module(key)}/clips`, ''), signal)
      }
    } catch (error) {
      if (!(error instanceof PublishRefused || error instanceof StoreFailed)) throw error
      log.warn({ detail: error.message, remedy: error.remedy }, 'what is left of clips could not be cleared')
    }
  }

  async function announce(): Promise<void> {
    try {
      await broker.announce(signal)
      isAnnounced = broker.state.connected
    } catch (error) {
      if (!(error instanceof PublishRefused)) throw error
      refused(topics.bridgeState, error, 'broker refused a state topic')
    }
  }

  function unlessStopped(error: unknown): void {
    if (!signal.aborted) fail(error)
  }

  function publishAgain(): void {
    connecting = publishAll().catch(unlessStopped)
    connecting.then(() => reader?.removeOrphans()).catch(unlessStopped)
  }

  broker.onState((state) => {
    if (!state.connected) isAnnounced = false
  })
  broker.onConnect(() => {
    isDocumented = false
    publishAgain()
  })
  watchExpiry(
    {
      ledger: storage.ledger,
      expired: (key) => needs.notify.moduleChanged(key, 'expired'),
      ...{ ttlMs: needs.ttlMs, clock },
    },
    signal,
  ).catch(fail)
  if (needs.handle) subscribeCommands({ topics, broker, handle: needs.handle, clock, log, fail }, signal)
  const announceAgain = () => {
    if (isAnnounced) announce().catch(unlessStopped)
  }
  const repair = needs.handle
    ? openRepair({ ...needs, retained, announce: announceAgain }, signal)
    : undefined
  const subscribe: Broker['subscribe'] = (filter, listener) =>
    broker.subscribe(filter, listener, { noLocal: true })
  const { installId } = storage.installation
  watchForOthers({ topics, installId, subscribe, heard: (id) => repair?.other(id), clock, log })

  return {
    observers: [retained, { republishRequested: publishAgain }],
    async settled() {
      await connecting
      await retained.settled()
    },
  }
}
