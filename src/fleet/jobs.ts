/**
 * Jobs wake whichever instance is free to work on an account. The truth is in our own tables: a job that is lost,
 * doubled or given to two instances delays something and changes nothing.
 *
 * There are two queues, since of a queue's jobs there is one for each account: a run that waits for its time must not
 * keep a command from being carried out.
 */
import { PgBoss } from 'pg-boss'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { FleetRun, SqlRunner } from '../domain/fleet.ts'
import type { BlinkId } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'

/** What to do with an account beside what is found to do once it is acquired. */
export interface Task {
  readonly run?: FleetRun
  /** Somebody has signed in: to be requested at once. */
  readonly first?: boolean
  /** Its credentials were not used for a day. */
  readonly refresh?: boolean
  /** Events wait for a broker. */
  readonly deliver?: boolean
}

export interface Job {
  readonly accountId: BlinkId
  readonly task: Task
  /** Whether another instance has begun with it, and so what goes on after a run may have been left. */
  readonly resumed: boolean
}

/** `again` gives a job to whoever is free next. */
export type JobEnd = 'done' | 'again'

export interface Worker {
  handle(job: Job): Promise<JobEnd>
  /** Called when the end of a job is kept: from now on another one of its account can be made. */
  ended(accountId: BlinkId): void
}

export interface Jobs {
  /**
   * Resolves when jobs can be made. To be called before a transaction that makes some: inside of it, the queue would
   * wait for a connection of its own, and so for ever where there is one.
   */
  ready(): Promise<void>
  /** Has accounts run, each at its offset after the run's time; those of a run that was missed at once. */
  run(
    run: FleetRun,
    accountIds: readonly BlinkId[],
    how?: { sql?: SqlRunner; again?: boolean },
  ): Promise<void>
  wake(accountIds: readonly BlinkId[], task?: Task): Promise<void>
  /** Works on jobs until `signal` is aborted; then waits until those in work are given back. */
  work(worker: Worker, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface JobsNeeds {
  readonly sql: SqlRunner
  /** Of our own tables; the queue's are beside it. */
  readonly schema: string
  /** How many jobs are in work here at a time. */
  readonly places: number
  /** An account's offset after a scheduled run, in milliseconds. */
  readonly offsetOf: (accountId: BlinkId) => number
  readonly clock: Clock
  readonly log: Log
}

const queues = ['run', 'wake'] as const
type Queue = (typeof queues)[number]

/** How often jobs are looked for, at least and at most: by chance in between, so that instances take turns. */
const [pollMs, pollSpreadMs] = [500, 500]

/** How often it is said that the jobs in work are, and how long a silent one is left alone, in seconds. */
const [beatMs, heartbeatSeconds] = [4_000, 10]

/** A wait after trouble, by chance up to twice as long. */
const troubleMs = 2_000

const hourSeconds = 3_600

const options = {
  policy: 'exclusive',
  retryLimit: 3,
  retryDelay: 1,
  heartbeatSeconds,
  // An account is held as long as there is something to do; the heartbeat says whether somebody does.
  expireInSeconds: 23 * hourSeconds,
  retentionSeconds: hourSeconds,
  deleteAfterSeconds: 600,
} as const

/** Its tables are made when they are not there; until the database can be reached, jobs wait. */
export function openJobs(needs: JobsNeeds): Jobs {
  const { sql, schema, places, offsetOf, clock, log } = needs
  const boss = new PgBoss({
    db: { executeSql: async (text, values) => ({ rows: [...(await sql.executeSql(text, values)).rows] }) },
    schema: `${schema}_jobs`,
    schedule: false,
    registerInstance: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    maintenanceIntervalSeconds: 300,
    openTelemetry: { enabled: false },
  })
  let isLogged = false
  const trouble = (error: Error) => {
    const fields = { detail: error.message }
    if (!isLogged) log.warn(fields, 'cannot use the queue of jobs, trying again')
    isLogged = true
  }
  boss.on('error', trouble)
  boss.on('warning', ({ message }) => log.debug({ detail: message }, 'queue of jobs'))
  const closing = new AbortController()
  let started: Promise<void> | undefined

  const rest = () => clock.sleep(troubleMs * (1 + clock.random()), closing.signal).catch(() => undefined)

  async function start(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await boss.start()
        for (const name of queues) {
          await boss.createQueue(name, options)
          // Has the queue looked up here, and not with the first job, inside of a transaction.
          await boss.insert(name, [])
        }
        isLogged = false
        return
      } catch (error) {
        trouble(error instanceof Error ? error : new Error(String(error)))
        await boss.stop({ graceful: false }).catch(() => undefined)
        await rest()
      }
    }
    throw new StoreFailed('the queue of jobs is closed')
  }

  const ready = () => (started ??= start())

  async function work(worker: Worker, signal: AbortSignal): Promise<void> {
    const inWork = new InWork(boss, clock, trouble)
    const beating = inWork.beat()
    await ready().catch(() => undefined)
    let awake = Promise.withResolvers<void>()
    const wake = () => awake.resolve()
    signal.addEventListener('abort', wake, { once: true })
    while (!signal.aborted && !closing.signal.aborted) {
      awake = Promise.withResolvers<void>()
      let isFull = false
      try {
        for (const queue of queues) {
          const batchSize = places - inWork.size
          if (batchSize <= 0) continue
          const jobs = await boss.fetch<Task>(queue, { batchSize, includeMetadata: true })
          isFull ||= jobs.length === batchSize
          for (const { id, retryCount, singletonKey, data } of jobs) {
            const job = {
              accountId: singletonKey ?? '',
              task: data ?? {},
              resumed: retryCount > 0,
            }
            void inWork
              .add(queue, { id, retryCount }, () => worker.handle(job))
              .then(() => {
                worker.ended(job.accountId)
                if (isFull && inWork.size < places / 2) wake()
              })
          }
        }
        isLogged = false
      } catch (error) {
        trouble(error instanceof Error ? error : new Error(String(error)))
        await rest()
      }
      const pause = new AbortController()
      const due = clock.sleep(pollMs + pollSpreadMs * clock.random(), pause.signal).catch(() => undefined)
      await Promise.race([due, awake.promise])
      pause.abort(new Error('awake'))
    }
    await inWork.ended()
    await beating
  }

  const send = async (queue: Queue, accountIds: readonly BlinkId[], task: Task, at: Sent) => {
    await ready()
    const jobs = accountIds.map((accountId) => ({
      singletonKey: accountId,
      data: task,
      startAfter: at.after(accountId),
    }))
    const { sql } = at
    const db = sql && {
      executeSql: async (text: string, values?: unknown[]) => ({
        rows: [...(await sql.executeSql(text, values)).rows],
      }),
    }
    if (jobs.length > 0) await boss.insert(queue, jobs, db ? { db } : {})
  }

  return {
    ready,
    run: (run, accountIds, { sql, again = false } = {}) => {
      // By this clock alone: those of other instances, and the database's, may be minutes away from it.
      const dueMs = run.at - clock.now()
      const spreadMs = run.trigger === 'schedule' ? offsetOf : () => 0
      // What is made up for has begun already, whatever this clock says.
      const after = (accountId: BlinkId) => (again ? 0 : Math.max(0, dueMs + spreadMs(accountId)) / 1000)
      return send('run', accountIds, { run }, { after, sql })
    },
    wake: (accountIds, task = {}) => send('wake', accountIds, task, { after: () => 0 }),
    work,
    async close() {
      closing.abort(new Error('closed'))
      await started?.catch(() => undefined)
      await boss.stop({ graceful: false }).catch(() => undefined)
    },
  }
}

interface Sent {
  /** In seconds. */
  readonly after: (accountId: BlinkId) => number
  readonly sql?: SqlRunner | undefined
}

interface Attempt {
  readonly id: string
  readonly retryCount: number
}

/** The jobs that this instance works on: says that it lives, and ends them together. */
class InWork {
  readonly #boss: PgBoss
  readonly #clock: Clock
  readonly #trouble: (error: Error) => void
  readonly #attempts = new Map<Attempt, Queue>()
  readonly #ends: Record<Queue, Record<JobEnd, Attempt[]>> = {
    run: { done: [], again: [] },
    wake: { done: [], again: [] },
  }
  readonly #all = new Set<Promise<void>>()
  readonly #over = new AbortController()
  #ending: Promise<void> | undefined

  constructor(boss: PgBoss, clock: Clock, trouble: (error: Error) => void) {
    this.#boss = boss
    this.#clock = clock
    this.#trouble = trouble
  }

  get size(): number {
    return this.#attempts.size
  }

  add(queue: Queue, attempt: Attempt, work: () => Promise<JobEnd>): Promise<void> {
    this.#attempts.set(attempt, queue)
    const done = this.#work(queue, attempt, work)
    this.#all.add(done)
    return done.finally(() => this.#all.delete(done))
  }

  async #work(queue: Queue, attempt: Attempt, work: () => Promise<JobEnd>): Promise<void> {
    let end: JobEnd
    try {
      end = await work()
    } finally {
      this.#attempts.delete(attempt)
    }
    const ended = this.#ends[queue][end]
    ended.push(attempt)
    while (ended.includes(attempt)) {
      this.#ending ??= this.#end().finally(() => {
        this.#ending = undefined
      })
      await this.#ending
    }
  }

  /** Those that end while a statement is under way share the next one; what it cannot say is seen by its silence. */
  async #end(): Promise<void> {
    for (;;) {
      let isDone = true
      for (const queue of queues) {
        for (const end of ['done', 'again'] as const) {
          const attempts = this.#ends[queue][end].splice(0)
          if (attempts.length === 0) continue
          isDone = false
          try {
            if (end === 'done') await this.#boss.complete(queue, attempts)
            else await this.#boss.fail(queue, attempts)
          } catch (error) {
            this.#trouble(error as Error)
          }
        }
      }
      if (isDone) return
    }
  }

  async beat(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await this.#clock.sleep(beatMs, signal).catch(() => undefined)
      for (const [queue, entries] of Map.groupBy(this.#attempts, ([, queue]) => queue)) {
        if (signal.aborted) return
        await this.#boss
          .touch(
            queue,
            entries.map(([attempt]) => attempt),
          )
          .catch(this.#trouble)
      }
    }
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.#all)
    this.#over.abort(new Error('ended'))
  }
}
