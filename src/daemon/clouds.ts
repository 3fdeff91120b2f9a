/**
 * The accounts' ways to the cloud: one HTTP client for all, a session and a breaker for each.
 */
import { type AccountCloud, createCloud } from '../blink/cloud.ts'
import { createHttp, type Http } from '../blink/http.ts'
import { createSession, type Session } from '../blink/session.ts'
import { parseTokenLines } from '../blink/tokens.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'
import { ConfigInvalid } from '../errors.ts'
import type { Login } from '../model.ts'
import type { Log } from '../ports.ts'
import { type Guard, guard } from './guard.ts'
import { replaceOlder, takeRoster } from './roster.ts'
import type { Stores } from './stores.ts'

export interface CloudNeeds {
  readonly settings: Settings
  readonly stores: Stores
  readonly clock: Clock
  readonly log: Log
}

const closeGraceMs = 1_000

/** One account at the cloud. */
export interface Way {
  readonly login: Login
  readonly cloud: AccountCloud
  readonly guard: Guard
  readonly session: Session
}

export interface Clouds {
  readonly ways: readonly Way[]
  /** Gives requests in flight a moment to come home; a rotated token that came with one is still kept. */
  close(): Promise<void>
}

/**
 * Opens a way for each login on disk or in the environment.
 *
 * @throws ConfigInvalid when the environment's token lines cannot be read
 * @throws StoreFailed when logins cannot be read or kept
 */
export async function openClouds({ settings, stores, clock, log }: CloudNeeds): Promise<Clouds> {
  const { blink } = settings
  const lines = parseTokenLines(blink.tokens?.reveal() ?? '')
  if (lines.problems.length > 0) {
    throw new ConfigInvalid(lines.problems.map((message) => ({ place: 'blink.tokens', message })))
  }
  for (const note of lines.notes) log.warn({ detail: note }, 'blink.tokens')
  const roster = await takeRoster(stores.logins, lines.logins, log)
  const http = createHttp({
    clock,
    timeoutMs: blink.timeoutSeconds * 1000,
    concurrency: blink.concurrency,
    onCall: (call) => log.debug(call, 'asked the cloud'),
  })
  const ways = await Promise.all(
    roster.map((login) => openWay(login, http, { settings, stores, clock, log })),
  )
  return {
    ways,
    async close() {
      await http.close({ graceMs: closeGraceMs })
      await Promise.all(ways.map(({ session: open }) => open.settled()))
    },
  }
}

async function openWay(login: Login, http: Http, { settings, stores, clock, log }: CloudNeeds): Promise<Way> {
  const { logins, install } = stores
  const session = createSession({
    login,
    hardwareId: install.hardwareId,
    oauthUrl: settings.blink.oauthUrl,
    http,
    clock,
    log,
    async save(changed) {
      await logins.save(changed)
      if (changed.accountId !== login.accountId) await replaceOlder(logins, changed)
    },
  })
  const cloud = createCloud({ session, http, restUrl: settings.blink.restUrl, clock, log })
  const breaker = await logins.breaker(login.key)
  const save = (kept: typeof breaker) =>
    logins.saveBreaker(login.key, kept).catch((error: unknown) => {
      log.warn({ account_id: login.accountId, err: error }, 'a pause could not be kept on disk')
      throw error
    })
  return { login, cloud, session, guard: guard({ cloud, breaker, clock, save }) }
}
