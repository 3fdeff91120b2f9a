/**
 * A session whose refreshes are answered by the test, and what it saves is recorded.
 */
import type { HttpCall } from '../../src/blink/api.ts'
import { createSession, type SessionNeeds } from '../../src/blink/session.ts'
import type { Credentials } from '../../src/domain/model.ts'
import { listLog, type Reply, scripted, someCredentials } from './blink-scripted.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { calm } from './peer.ts'

interface SessionFixtureOptions {
  readonly clock?: FakeClock
  readonly login?: Partial<Credentials>
  readonly save?: SessionNeeds['save']
}

/** A session whose refreshes are answered by `reply`, and what it saved. */
export function sessionFixture(
  reply: (call: HttpCall, index: number) => Reply,
  { clock = fakeClock(), login, save }: SessionFixtureOptions = {},
) {
  const http = scripted(reply)
  const saved: Credentials[] = []
  const session = createSession({
    credentials: someCredentials(login),
    hardwareId: 'OUR-OWN',
    oauthUrl: 'https://api.oauth.blink.com/',
    http,
    clock,
    log: listLog(),
    async save(changed) {
      await save?.(changed)
      saved.push(changed)
    },
  })
  const token = async () => (await session.accessToken(calm())).reveal()
  const refreshTokens = () => saved.map(({ refreshToken }) => refreshToken.reveal())
  return { session, http, clock, saved, token, refreshTokens }
}

/** The nth refresh gives access-n and rotates to refresh-n. */
export const rotating = (_: unknown, index: number): Reply => [
  200,
  { access_token: `access-${index + 1}`, refresh_token: `refresh-${index + 1}`, expires_in: 3600 },
]

/** The form of a refresh. */
export const formOf = (call: HttpCall | undefined) => new URLSearchParams(call?.body)
export const fieldsOf = (call: HttpCall | undefined) => Object.fromEntries(formOf(call))
