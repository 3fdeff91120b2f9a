/**
 * What end-to-end tests have in common: homes of a size, fast schedules, and what was requested of the cloud.
 */
import type { AccountSpec, ModuleSpec } from '../../src/simulator/account-spec.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import type { Observer, Seen } from './observer.ts'
import { until } from './until.ts'

/** A scheduled run every second, for all accounts at the same time. */
export const fast = {
  SCHEDULE_CRON: '* * * * * *',
  SCHEDULE_ALLOW_FAST: 'true',
  SCHEDULE_SPREAD_SECONDS: '0',
}

/** A home whose modules all work, the first of them 350001 in network 44001. */
export function home(modules: number, { id = 8021, region = 'e008' } = {}): AccountSpec {
  const numbers = Array.from({ length: modules }, (_, index) => index + 1)
  return {
    id,
    region,
    networks: numbers.map((number) => ({ id: 44_000 + number, name: `Network ${number}` })),
    modules: numbers.map((number) => moduleOf(number)),
  }
}

/** The module of that number in `home`. */
export function moduleOf(number: number): ModuleSpec {
  return { id: 350_000 + number, networkId: 44_000 + number, name: `Module ${number}` }
}

/** The stem of the topics of a module of `home`. */
export function stem(number: number, account = 8021): string {
  return `blink-manifestd/sync/${account}/${44_000 + number}/${350_000 + number}`
}

export interface WorkItem {
  readonly event_id: string
  readonly account_id: number
  readonly sync_module_id: number
  readonly request_id: number
  readonly request_id_str: string
  readonly tick_id: string
  readonly trigger: string
  readonly attempt: number
  readonly poll_url: string
  readonly poll_path: string
  readonly expires_at: string
}

/** The work items in the order of arrival, copies included: a PUBACK that was lost brings one. */
export function copies({ on }: Pick<Observer, 'on'>): readonly WorkItem[] {
  return on('/manifest/requested').map(({ payload }) => JSON.parse(payload) as WorkItem)
}

/** The work items in the order in which each arrived first. */
export function workItems(observer: Pick<Observer, 'on'>): readonly WorkItem[] {
  const seen = new Set<string>()
  return copies(observer).filter(({ event_id }) => !seen.has(event_id) && seen.add(event_id))
}

/** A JSON document that must be there. */
export function document(seen: Seen | string | undefined): Record<string, unknown> {
  const payload = typeof seen === 'string' ? seen : seen?.payload
  return JSON.parse(payload ?? 'null') as Record<string, unknown>
}

/** Waits until an observer has seen so many work items, copies not counted, and returns them all. */
export function itemsSeen(
  observer: Observer,
  count: number,
  state?: () => string,
): Promise<readonly WorkItem[]> {
  return until(
    `${count} work items`,
    () => {
      const items = workItems(observer)
      return items.length >= count && items
    },
    state ? { state } : {},
  )
}

/** How many requests the cloud got for manifests, for the home screen and so on, by the kind of call. */
export function requestCount({ calls }: Pick<Simulator, 'calls'>, kind: string): number {
  return calls.filter((call) => call.kind === kind).length
}

/** Where a manifest request of a module goes. */
export function manifestPath(number: number): string {
  return `/sync_modules/${350_000 + number}/local_storage/manifest/request`
}

/** Sends a command and waits for its answer, which the transaction names. */
export async function command(observer: Observer, verb: string, object: object = {}) {
  const transaction = `t${observer.seen.length}`
  await observer.publish(`blink-manifestd/bridge/request/${verb}`, JSON.stringify({ transaction, ...object }))
  return until(`the answer to ${verb}`, () =>
    observer
      .on(`/response/${verb}`)
      .map(document)
      .find((answer) => answer.transaction === transaction),
  )
}
