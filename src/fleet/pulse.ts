/**
 * Looks for what concerns accounts that are in work here: commands, and a run that has begun meanwhile.
 *
 * Of a queue's jobs there is one for each account, so what is asked for while an account is in work finds its job still
 * there. Whoever ends a job therefore looks once more behind its end; what was asked for later has a job of its own.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { FleetCommands, FleetRuns } from '../domain/fleet.ts'
import type { BlinkId } from '../domain/model.ts'
import type { AccountWork } from './account-work.ts'
import type { Jobs } from './jobs.ts'

export interface PulseNeeds {
  readonly runs: Pick<FleetRuns, 'latest'>
  readonly commands: Pick<FleetCommands, 'waiting'>
  readonly jobs: Pick<Jobs, 'run' | 'wake'>
  readonly work: Pick<AccountWork, 'inWork' | 'takeLeft' | 'command' | 'runBegun'>
  readonly clock: Clock
}

const beatMs = 500

/** An older run is not made up for. */
const longestMs = 15 * 60_000

export class Pulse {
  readonly #needs: PulseNeeds
  /** With the last run of each. */
  readonly #left = new Map<BlinkId, number | undefined>()

  constructor(needs: PulseNeeds) {
    this.#needs = needs
  }

  /** Until `signal` is aborted; what the database does not say now is looked for again. */
  async beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs
    while (!signal.aborted) {
      await clock.sleep(beatMs, signal).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.#look()
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
      }
    }
  }

  async #look(): Promise<void> {
    const { commands, work, jobs } = this.#needs
    for (const [accountId, lastRun] of work.takeLeft()) this.#left.set(accountId, lastRun)
    const left = [...this.#left]
    const inWork = work.inWork
    if (inWork.size + left.length === 0) return
    const asked = await commands.waiting([...inWork, ...left.map(([accountId]) => accountId)])
    const unheard = asked.filter((waiting) => !work.command(waiting))
    if (unheard.length > 0) await jobs.wake(unheard.map(({ accountId }) => accountId))
    await this.#lookForRun(left)
    for (const [accountId] of left) this.#left.delete(accountId)
  }

  async #lookForRun(left: readonly (readonly [BlinkId, number | undefined])[]): Promise<void> {
    const { runs, jobs, work, clock } = this.#needs
    const at = await runs.latest()
    if (at === undefined || clock.now() - at > longestMs) return
    work.runBegun(at)
    const missed = left.filter(([, lastRun = 0]) => lastRun < at).map(([accountId]) => accountId)
    if (missed.length > 0) await jobs.run({ trigger: 'schedule', at }, missed, { again: true })
  }
}
