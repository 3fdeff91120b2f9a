/**
 * The OAuth host: so far the token endpoint, where a stored login is renewed.
 *
 * One handler for each grant type. The status of an error is 400, as RFC 6749 section 5.2 has it, except
 * where another one was seen; the bodies are from BlinkMonitorProtocol, AUTHENTICATION.md.
 */
import { type Answer, json, type Request } from './answer.ts'
import type { Cloud } from './cloud.ts'
import { refuseAtEdge } from './refusals.ts'
import type { Route } from './router.ts'

const knownClients = ['ios', 'android']
// Shared by every installation of two popular clients and refused since: home-assistant/core#178396.
const refusedHardware = ['Home Assistant', 'Blinkpy']

export function oauthRoutes(cloud: Cloud): readonly Route[] {
  return [
    {
      kind: 'token',
      method: 'POST',
      pattern: '/oauth/token',
      access: 'oauth',
      handle: ({ request }) => grant(cloud, request),
    },
  ]
}

/** The account whose refresh token a request carries, so that a misbehaviour can be meant for one account. */
export function accountOfRefresh(cloud: Cloud, request: Request): number | undefined {
  if (request.path !== '/oauth/token') return undefined
  const token = new URLSearchParams(request.body).get('refresh_token')
  return token === null ? undefined : cloud.tokens.findRefresh(token)?.accountId
}

function grant(cloud: Cloud, request: Request): Answer {
  const form = new URLSearchParams(request.body)
  const { hardware_id: inHeader } = request.headers
  const hardware = form.get('hardware_id') ?? inHeader
  if (typeof hardware === 'string' && refusedHardware.includes(hardware)) return refuseAtEdge(406)
  switch (form.get('grant_type')) {
    case 'refresh_token':
      return refreshGrant(cloud, form)
    default:
      // Seen for the password grant since mid 2026: Flomentum-Solutions/homebridge-blink-for-home-new#17.
      return json(401, { error: 'unsupported_grant_type' })
  }
}

function refreshGrant(cloud: Cloud, form: URLSearchParams): Answer {
  const clientId = form.get('client_id') ?? ''
  if (!knownClients.includes(clientId)) return refused('invalid_client', 'Invalid client_id')
  const refresh = cloud.tokens.findRefresh(form.get('refresh_token') ?? '')
  // A token of one client is worth nothing to another, which is how old clients lose their login.
  if (refresh?.clientId !== clientId) return refused('invalid_grant', 'Invalid refresh token')
  const next = cloud.tokens.rotate(refresh)
  const seconds = cloud.settings.accessTokenSeconds
  return json(200, {
    access_token: cloud.tokens.issueAccess(refresh.accountId, seconds),
    ...(next && { refresh_token: next.token }),
    token_type: 'Bearer',
    expires_in: seconds,
    scope: 'client',
  })
}

function refused(error: string, description: string): Answer {
  return json(400, { error, error_description: description })
}
