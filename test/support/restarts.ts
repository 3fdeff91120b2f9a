/** A daemon that is started again and again, on one disk and with one clock. */
import { onTestFinished } from 'vitest'
import { keyOf, type SyncModule } from '../../src/domain/model.ts'
import { createNotifier } from '../../src/domain/notifier.ts'
import type { Ledger, StartThrottle } from '../../src/domain/ports.ts'
import { createRunner } from '../../src/scheduler/runner.ts'
import { bareAccount, steadyTimes } from './account-fixture.ts'
import { fakeClock } from './fake-clock.ts'
import { memoryLedger } from './memory-ledger.ts'
import { aModule, readableLog } from './samples.ts'
import { finish } from './scripted.ts'

export const hall = aModule()
const barn = aModule({ name: 'Barn', syncModuleId: '9' })
export const fiveMinutes = 300_000

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

interface Options {
  readonly modules?: readonly SyncModule[]
  readonly intervalMs?: number
  readonly offsetMs?: number
  readonly ttlMs?: number
  readonly exclude?: readonly string[]
  readonly paused?: boolean
  /** Credentials whose account the cloud names, in place of an account that is known. */
  readonly unidentified?: string
  /** Its accounts are those of several instances. */
  readonly isShared?: boolean
}

/** A home whose daemon is started again and again, and all that its cloud was sent in that time. */
export function restartFixture({ modules = [hall, barn], intervalMs = fiveMinutes, ...rest }: Options = {}) {
  const { offsetMs = 0, ttlMs = 600_000, exclude = [], paused = false, isShared = false } = rest
  const clock = fakeClock()
  const startedAt = new Map<string, number>()
  const starts: Writable<StartThrottle> = {
    lastAt: async (account) => startedAt.get(account),
    note: async (account) => void startedAt.set(account, clock.now()),
  }
  const disk: { readonly ledger: Writable<Ledger>; readonly starts: typeof starts } = {
    ledger: memoryLedger(),
    starts,
  }
  const sent: string[] = []
  const reported: string[] = []
  const failing = new Map<string, Error>()
  const answer = <T>(what: string, value: T): T => {
    sent.push(what)
    const failure = failing.get(what)
    if (failure) throw failure
    return value
  }
  let made = 670_000_000

  /** A process, until it is killed. */
  function begin() {
    const log = readableLog()
    const killed = new AbortController()
    const observer = createNotifier(log)
    observer.add({
      moduleFinished(report) {
        const { name } = report.module
        reported.push(report.kind === 'skipped' ? `${name} ${report.reason}` : report.kind)
      },
    })
    const account = bareAccount(clock, {
      cloud: {
        discover: async () => answer('list', modules),
        requestManifest: async (key) => {
          const name = modules.find((module) => keyOf(module) === keyOf(key))?.name ?? '?'
          return answer(name, { requestId: String(++made), pollPath: '/', pollUrl: 'https://rest.test/' })
        },
      },
    })
    const registry = {
      accounts: rest.unidentified === undefined ? [account] : [],
      unidentified: rest.unidentified === undefined ? [] : [rest.unidentified],
      identify: async () => answer('identify', account),
    }
    const runner = createRunner({
      settings: {
        blink: { concurrency: 8, perAccount: 1 },
        modules: { include: [], exclude, askAll: false },
        request: { ttlSeconds: ttlMs / 1_000 },
      },
      storage: { ...disk, pauses: { isPaused: async () => paused, set: async () => undefined } },
      registry,
      times: steadyTimes(clock, intervalMs, offsetMs),
      signals: { stopping: killed.signal, abort: new AbortController().signal },
      ...{ isShared, observer, clock, log },
    })
    const run = async (trigger: 'schedule' | 'start') => {
      const from = sent.length
      await finish(runner.run(trigger), clock)
      return sent.slice(from)
    }
    const kill = () => killed.abort(new Error('killed'))
    onTestFinished(kill)
    return { account, runner, log, run, kill }
  }
  return { clock, disk, sent, reported, failing, begin }
}
