/**
 * An account at the cloud whose every call is answered by the test.
 */
import type { HttpCall } from '../../src/blink/api.ts'
import { createCloud } from '../../src/blink/client.ts'
import { HostUnknown } from '../../src/blink/connection-errors.ts'
import { createSession } from '../../src/blink/session.ts'
import type { Credentials } from '../../src/domain/model.ts'
import { listLog, type Reply, scripted, someCredentials } from './blink-scripted.ts'
import { fakeClock } from './fake-clock.ts'

interface CloudFixtureOptions {
  readonly login?: Partial<Credentials>
  readonly restUrl?: string
}

export const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
export const manifestPath =
  '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage/manifest/request'
export const homescreen: Reply = [200, { networks: [], sync_modules: [{ id: 350221, network_id: 44107 }] }]
export const tier = (region: string): Reply => [200, { tier: region, account_id: 8021 }]
export const nobodyHome = new HostUnknown('home screen: not known', { outcome: 'not-done' })

/** An account whose calls, apart from refreshes, are answered by `reply`. */
export function cloudFixture(
  reply: (call: HttpCall, host: string) => Reply,
  { login, restUrl }: CloudFixtureOptions = {},
) {
  let refreshes = 0
  const http = scripted((call) => {
    if (call.kind === 'token') return [200, { access_token: `access-${++refreshes}` }]
    return reply(call, new URL(call.url).hostname)
  })
  const [clock, log] = [fakeClock(), listLog()]
  const saved: Credentials[] = []
  const save = (changed: Credentials) => Promise.resolve(void saved.push(changed))
  const oauthUrl = 'https://api.oauth.blink.com'
  const session = createSession({
    credentials: someCredentials(login),
    hardwareId: 'X',
    oauthUrl,
    http,
    clock,
    log,
    save,
  })
  const cloud = createCloud({
    session,
    http,
    restUrl: restUrl ?? 'https://rest-{region}.immedia-semi.com',
    clock,
    log,
  })
  const asked = () => http.calls.map(({ kind, url }) => `${kind} ${new URL(url).hostname}`)
  return { cloud, session, http, clock, log, saved, asked }
}
