/**
 * The instance's name, which is in topics, in the log and in metrics: two that share one would take each other's place
 * at the broker again and again.
 */
import type { Clock } from '../domain/clock.ts'
import { ConfigInvalid, StoreFailed } from '../domain/errors.ts'
import type { NamedLeases } from '../domain/fleet.ts'
import type { Log } from '../domain/ports.ts'

export interface NameNeeds {
  readonly named: NamedLeases
  readonly name: string
  readonly clock: Clock
  readonly log: Log
}

const [leaseMs, renewMs] = [15_000, 5_000]

/** A little longer than the lease of one that was killed a moment ago. */
const patienceMs = leaseMs + 2_000
const tryMs = 1_000

/**
 * Waits for the end of an instance of this name that was killed.
 *
 * @throws ConfigInvalid while one lives
 */
export async function takeName({ named, name, clock, log }: NameNeeds): Promise<void> {
  const giveUpAt = clock.elapsed() + patienceMs
  let isLogged = false
  while (!(await named.hold(leaseOf(name), leaseMs))) {
    if (clock.elapsed() >= giveUpAt) throw nameTaken(name)
    if (!isLogged)
      log.info({ instance: name }, 'an instance of this name runs, or was killed a moment ago: waiting')
    isLogged = true
    await clock.sleep(tryMs)
  }
}

function nameTaken(name: string): ConfigInvalid {
  const message = `"${name}" is the name of another instance that runs`
  const remedy = 'Give each instance a name of its own with fleet.instance.'
  return new ConfigInvalid([{ place: 'fleet.instance', message }], { remedy })
}

/** Keeps the name until `signal` is aborted, then frees it. @throws ConfigInvalid when another instance has taken it */
export async function keepName(
  { named, name, clock }: Omit<NameNeeds, 'log'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(renewMs, signal).catch(() => undefined)
    try {
      if (signal.aborted) await named.free(leaseOf(name))
      // This one stood still for so long that another one took its place.
      else if (!(await named.hold(leaseOf(name), leaseMs))) throw nameTaken(name)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
  }
}

const leaseOf = (name: string) => `instance:${name}`
