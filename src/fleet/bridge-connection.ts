/**
 * What the holder of the bridge does beside the work on its accounts, on a connection of its own: all that the
 * installation publishes once, Home Assistant's documents, and commands.
 *
 * A connection has one will, and `bridge/state` must become `offline` when the last instance dies and not before. So
 * the next holder connects under the same client id, which makes the broker drop the will of the one before.
 */
import type { CommandHandler } from '../commands/handler.ts'
import type { Settings } from '../config/settings.ts'
import { createNotifier } from '../domain/notifier.ts'
import type { Observer, Runtime, StatusReader, Storage } from '../domain/ports.ts'
import { openHomeAssistant } from '../homeassistant/publisher.ts'
import { openBroker } from '../topics/broker.ts'
import { openBridgePublishing, type PublishingNeeds } from '../topics/publishing.ts'

export interface BridgeConnectionNeeds extends Runtime, Pick<PublishingNeeds, 'shown'> {
  readonly settings: Settings
  readonly storage: Storage
  /** Of all accounts, whoever works on them. */
  readonly status: StatusReader
  readonly handle: CommandHandler
}

export interface BridgeConnection {
  /** To be notified of what other instances have done, of settings, and of rescans. */
  readonly observer: Required<Observer>
  /** Ends; where another instance follows, it leaves `bridge/state` to that one. */
  close(options: { readonly isFollowed: boolean }): Promise<void>
}

/** @throws ConfigInvalid when the settings of the broker cannot be used */
export async function openBridgeConnection(needs: BridgeConnectionNeeds): Promise<BridgeConnection> {
  const { settings, storage, shown, clock, log } = needs
  const stopping = new AbortController()
  const notify = createNotifier(log)
  const { installId } = storage.installation
  const mqtt = await openBroker({ mqtt: settings.mqtt, installId, role: { kind: 'bridge' }, clock, log })
  const published = { ...needs, notify, mqtt }
  const assistant = openHomeAssistant(
    { ...published, version: shown.version, isShared: true },
    stopping.signal,
  )
  const publishing = openBridgePublishing({ ...published, reader: assistant.reader })
  notify.add(...publishing.observers, assistant.observer)
  return {
    observer: notify,
    async close(options) {
      stopping.abort(new Error('stopped'))
      await publishing.close()
      await mqtt.close(options)
    },
  }
}
