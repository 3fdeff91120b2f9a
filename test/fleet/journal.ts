/**
 * Who asked the cloud for what: the simulator's record, kept for longer than the simulator does, by instance.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'

export interface Journal extends Disposable {
  /** Of all instances, in the order of their arrival; the newest ones may still be going on. */
  all(): readonly Call[]
  /** Requests whose answer is not on its way yet. */
  open(): readonly Call[]
}

const takeEveryMs = 1_000
/** An answer is late by less than this, or it never comes. */
const newest = 2_000

export function keepJournal(cloud: Simulator): Journal {
  const kept: Call[] = []
  // Its own list, of which the type only lets others read; the calls in it go on being completed.
  const given = cloud.calls as Call[]
  const take = () => {
    for (const call of given.splice(0)) kept.push(call)
    return kept
  }
  const timer = setInterval(take, takeEveryMs)
  return {
    all: take,
    open: () => take().slice(-newest).filter(isOpen),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function isOpen({ at, endedAt, status }: Call): boolean {
  return status === 0 && endedAt === at
}

/** The host under which an instance knows the cloud: a loopback address of its own, so that each request names it. */
export function hostOf(instance: number, port: number): string {
  return `127.0.0.${instance + 2}:${port}`
}

/** The number of the instance that sent a request. */
export function instanceOf({ host = '' }: Pick<Call, 'host'>): number {
  return Number(/^127\.0\.0\.(\d+)/.exec(host)?.[1]) - 2
}

/** The account of a request, also where its token was not accepted. */
export function accountOf({ accountId, path }: Call): number | undefined {
  const inPath = Number(/\/accounts\/(\d+)\//.exec(path)?.[1])
  return accountId ?? (inPath || undefined)
}

/** The sync module of a request. */
export function moduleOf({ path }: Pick<Call, 'path'>): number {
  return Number(/sync_modules\/(\d+)/.exec(path)?.[1])
}
