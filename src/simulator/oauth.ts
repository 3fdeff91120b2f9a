/**
 * The token endpoint of the OAuth host, where a sign-in ends and a stored login is renewed.
 *
 * One handler for each grant type. The status of an error is 400, as RFC 6749 section 5.2 has it, except
 * where another one was seen; the bodies are from BlinkMonitorProtocol, AUTHENTICATION.md.
 */
import { createHash } from 'node:crypto'
import { type Answer, json, type Request } from './answer.ts'
import type { Cloud } from './cloud.ts'
import { refuseAtEdge } from './refusals.ts'
import type { Route } from './router.ts'

const knownClients = ['ios', 'android']
// Shared by every installation of two popular clients and refused since: home-assistant/core#178396.
export const refusedHardware = ['Home Assistant', 'Blinkpy']

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
    case 'authorization_code':
      return codeGrant(cloud, form)
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
  // Told of by code, for either grant, and never seen in a log. @see blinkpy 0.24, blinkpy/auth.py, Auth.login
  if (cloud.signIns.wishesForCode(refresh.accountId)) return { status: 412, headers: {}, body: '' }
  const next = cloud.tokens.rotate(refresh)
  return tokens(cloud, refresh.accountId, next?.token)
}

/** The end of a sign-in. @see RFC 7636, section 4.6 */
function codeGrant(cloud: Cloud, form: URLSearchParams): Answer {
  if (form.get('client_id') !== 'ios') return refused('invalid_client', 'Invalid client_id')
  const grant = cloud.signIns.redeem(form.get('code') ?? '')
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  const fits = grant && grant.challenge === challenge && grant.redirectUri === form.get('redirect_uri')
  if (!fits) return refused('invalid_grant', 'Invalid authorization code')
  return tokens(cloud, grant.accountId, cloud.tokens.grant(grant.accountId, 'ios').token)
}

function tokens(cloud: Cloud, accountId: number, refreshToken: string | undefined): Answer {
  const seconds = cloud.settings.accessTokenSeconds
  return json(200, {
    access_token: cloud.tokens.issueAccess(accountId, seconds),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    token_type: 'Bearer',
    expires_in: seconds,
    scope: 'client',
  })
}

function refused(error: string, description: string): Answer {
  return json(400, { error, error_description: description })
}
