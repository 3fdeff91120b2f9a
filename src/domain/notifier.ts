/**
 * Passes what happened to every observer of a list, in its order.
 *
 * An observer that throws is logged once and never stops a run.
 */
import type { Log, Observer } from './ports.ts'

export interface Notifier extends Required<Observer> {
  add(...observers: readonly Observer[]): void
}

export function createNotifier(log: Log): Notifier {
  const observers: Observer[] = []
  const failed = new WeakSet<Observer>()

  const each = (notify: (observer: Observer) => void) => {
    for (const observer of observers) {
      try {
        notify(observer)
      } catch (error) {
        if (!failed.has(observer)) log.error({ err: error }, 'an observer failed: this is a bug')
        failed.add(observer)
      }
    }
  }

  return {
    add: (...more) => void observers.push(...more),
    modulesListed: (accountId, changes) => each((one) => one.modulesListed?.(accountId, changes)),
    runStarted: (run, lateMs) => each((one) => one.runStarted?.(run, lateMs)),
    moduleFinished: (report, run) => each((one) => one.moduleFinished?.(report, run)),
    moduleChanged: (key, change) => each((one) => one.moduleChanged?.(key, change)),
    accountRunFinished: (report) => each((one) => one.accountRunFinished?.(report)),
    runFinished: (run, counts) => each((one) => one.runFinished?.(run, counts)),
    accountChanged: (snapshot) => each((one) => one.accountChanged?.(snapshot)),
    accountRemoved: (accountId) => each((one) => one.accountRemoved?.(accountId)),
    settingsChanged: (change) => each((one) => one.settingsChanged?.(change)),
    republishRequested: () => each((one) => one.republishRequested?.()),
    rescanRequested: () => each((one) => one.rescanRequested?.()),
    eventDelivered: (event) => each((one) => one.eventDelivered?.(event)),
    eventsExpired: (kind, count) => each((one) => one.eventsExpired?.(kind, count)),
    requestFinished: (call) => each((one) => one.requestFinished?.(call)),
    clipSaved: (clip) => each((one) => one.clipSaved?.(clip)),
    clipsChanged: (key) => each((one) => one.clipsChanged?.(key)),
    clipTrouble: (key, trouble) => each((one) => one.clipTrouble?.(key, trouble)),
    connectionChanged: (state) => each((one) => one.connectionChanged?.(state)),
    storeWritten: (ms) => each((one) => one.storeWritten?.(ms)),
  }
}
