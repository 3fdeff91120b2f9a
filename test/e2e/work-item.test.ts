import { expect } from 'vitest'
import { document, home, itemsSeen } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startWorld, type World } from '../support/world.ts'

const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const uuid7 = expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)

mosquittoTest('a work item holds all a poller needs, and the poller gets the manifest', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 1, accounts: [home(1)] } })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await itemsSeen(observer, 1, daemon.stderr)
  const [message] = observer.on('/manifest/requested')
  const item = document(message)
  const path = `/api/v1/accounts/8021/networks/44001/sync_modules/350001/local_storage/manifest/request/670000001`

  expect(item).toEqual({
    schema: 1,
    event_type: 'manifest_requested',
    event_id: uuid7,
    ts: iso,
    account_id: 8021,
    network_id: 44001,
    sync_module_id: 350001,
    request_id: 670000001,
    request_id_str: '670000001',
    trigger: 'start',
    tick_id: iso,
    attempt: 1,
    poll_path: path,
    poll_url: `${world.cloud.url}/rest-e008${path}`,
    requested_at: iso,
    expires_at: iso,
  })
  expect(Date.parse(String(item.expires_at)) - Date.parse(String(item.requested_at))).toBe(600_000)
  expect(message).toMatchObject({ retained: false, qos: 1 })
  expect(message?.properties?.userProperties).toEqual({ schema: '1', event_id: item.event_id })

  // The poller has an access token of its own, as any program signed in to the account has.
  const authorization = { Authorization: `Bearer ${await accessToken(world)}` }
  const manifest = await poll(String(item.poll_url), authorization)
  expect(manifest).toMatchObject({ manifest_id: expect.any(String), clips: expect.any(Array) })
})

async function accessToken(world: World): Promise<string> {
  world.cloud.rotateRefreshTokens('never')
  const fields = new Map(
    world.cloud
      .tokens()
      .split('|')
      .map((pair) => pair.split('=') as [string, string]),
  )
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: decodeURIComponent(fields.get('refresh_token') ?? ''),
    client_id: fields.get('client_id') ?? '',
  })
  const answer = await fetch(`${world.cloud.oauthUrl}/oauth/token`, { method: 'POST', body })
  return ((await answer.json()) as { access_token: string }).access_token
}

/** As docs/pollers.md says: 409 is "not ready yet". */
async function poll(url: string, headers: Record<string, string>): Promise<unknown> {
  const answers: { status: number; body: unknown }[] = []
  const ask = async () => {
    const answer = await fetch(url, { headers })
    answers.push({ status: answer.status, body: await answer.json() })
  }
  for (let status = 0; status !== 200; status = answers.at(-1)?.status ?? 0) await ask()
  const early = answers.slice(0, -1)
  expect(early).toEqual(early.map(() => ({ status: 409, body: expect.objectContaining({ code: 2113 }) })))
  return answers.at(-1)?.body
}
