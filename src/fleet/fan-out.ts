/**
 * One fan-out for each run: every instance has the same schedule, and whoever is first begins the run for all.
 *
 * The jobs of some accounts and the note of it are one commit. Where an instance dies in between, another one goes on
 * behind the last commit.
 */
import type { Clock } from '../domain/clock.ts'
import { iso } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { FleetRun, FleetRuns } from '../domain/fleet.ts'
import type { Run } from '../domain/model.ts'
import type { Log, Observer } from '../domain/ports.ts'
import type { Jobs } from './jobs.ts'

export interface FanOutNeeds {
  readonly runs: FleetRuns
  readonly jobs: Pick<Jobs, 'ready' | 'run'>
  readonly observer: Pick<Required<Observer>, 'runStarted' | 'runFinished'>
  readonly clock: Clock
  readonly log: Log
}

/** Accounts in one commit: 100,000 of them take eight seconds in all. */
const chunk = 5_000

/** A run that could not be begun for so long is left to the next one. */
const longestMs = 15 * 60_000

/** A wait for the database, by chance up to twice as long. */
const troubleMs = 1_000

export class FanOut {
  readonly #needs: FanOutNeeds
  #isLogged = false

  constructor(needs: FanOutNeeds) {
    this.#needs = needs
  }

  /** Begins a run unless another instance has, however long the database is away. */
  async begin(run: FleetRun, signal: AbortSignal): Promise<void> {
    const { runs, observer, clock, log } = this.#needs
    const giveUpAt = clock.elapsed() + longestMs
    while (!signal.aborted && clock.elapsed() < giveUpAt) {
      try {
        if (await runs.begin(run)) observer.runStarted(asRun(run), clock.now() - run.at)
        await this.#finish(run, signal)
        this.#isLogged = false
        return
      } catch (error) {
        if (!(error instanceof StoreFailed)) throw error
        const fields = { run: iso(run.at), detail: error.message, remedy: error.remedy }
        if (!this.#isLogged) log.warn(fields, 'cannot begin a run, trying again')
        this.#isLogged = true
      }
      await clock.sleep(troubleMs * (1 + clock.random()), signal).catch(() => undefined)
    }
  }

  /** Goes on with runs that another instance has left unfinished. */
  async resume(signal: AbortSignal): Promise<void> {
    for (const run of await this.#needs.runs.unfinished()) await this.#finish(run, signal)
  }

  /** Reports runs that all accounts are done with. */
  async report(): Promise<void> {
    const { runs, observer } = this.#needs
    for (const { run, counts } of await runs.ended()) observer.runFinished(asRun(run), counts)
  }

  async #finish(run: FleetRun, signal: AbortSignal): Promise<void> {
    const { runs, jobs } = this.#needs
    await jobs.ready()
    let count = chunk
    while (count > 0 && !signal.aborted) {
      count = await runs.fanOut(run, chunk, (accountIds, sql) => jobs.run(run, accountIds, { sql }))
    }
  }
}

/** As observers know a run; how long it may take is of no use to them. */
function asRun({ trigger, at }: FleetRun): Run {
  return { tickId: iso(at), trigger, budgetMs: 0 }
}
