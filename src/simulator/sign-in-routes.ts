/**
 * The pages of the OAuth host through which a person signs in: authorize, sign-in page, code.
 *
 * The steps, statuses and bodies are those that clients handle: blinkpy `api.py`, vistoda-blink `oauth.rs`. Not
 * published and chosen here: how many redirects there are, what an account of Amazon's is answered, and the status
 * that goes with code 106.
 */
import { type Answer, coded, json, type Request } from './answer.ts'
import type { Cloud, Person } from './cloud.ts'
import { refusedHardware } from './oauth.ts'
import { refuseAtEdge } from './refusals.ts'
import type { Route } from './router.ts'
import type { SignIn } from './sign-ins.ts'

const SIGN_IN = '/oauth/v2/signin'
/** Older apps are sent to the shop. */
const OLDEST_APP = 40

export function signInRoutes(cloud: Cloud): readonly Route[] {
  const route = (
    kind: string,
    method: string,
    pattern: string,
    handle: (request: Request) => Answer,
  ): Route => ({
    kind,
    method,
    pattern,
    access: 'oauth',
    handle: ({ request }) => handle(request),
  })
  return [
    route('authorize', 'GET', '/oauth/v2/authorize', (request) => authorize(cloud, request)),
    route('signin-page', 'GET', SIGN_IN, (request) => page(cloud, request)),
    route('signin', 'POST', SIGN_IN, (request) => signIn(cloud, request)),
    route('two-factor', 'POST', '/oauth/v2/2fa/verify', (request) => verify(cloud, request)),
  ]
}

/** With a query it is the beginning, without one the end, which gives the code. */
function authorize(cloud: Cloud, request: Request): Answer {
  const { query } = request
  if (query.size === 0) return finish(cloud, request)
  if (refusedHardware.includes(query.get('hardware_id') ?? '')) return refuseAtEdge(406)
  if (Number(query.get('app_version')) < OLDEST_APP) return coded(426, 105, 'An app update is required')
  const challenge = query.get('code_challenge') ?? ''
  const redirectUri = query.get('redirect_uri') ?? ''
  const fits =
    query.get('client_id') === 'ios' &&
    query.get('response_type') === 'code' &&
    query.get('code_challenge_method') === 'S256' &&
    /^[\w-]{43}$/.test(challenge) &&
    redirectUri.startsWith('immedia-blink://')
  if (!fits) return json(400, { error: 'invalid_request' })
  const begun = cloud.signIns.begin(challenge, redirectUri)
  return redirect(`${SIGN_IN}?client_id=ios`, cookie('session', begun))
}

function finish(cloud: Cloud, request: Request): Answer {
  const found = cloud.signIns.find(cookiesOf(request), 3)
  const code = found && cloud.signIns.authorize(found)
  if (!found || code === undefined) return redirect(SIGN_IN)
  return redirect(`${found.redirectUri}?code=${encodeURIComponent(code)}&state=`)
}

function page(cloud: Cloud, request: Request): Answer {
  const cookies = cookiesOf(request)
  const found = cloud.signIns.find(cookies, 1)
  if (!found) return emptyCookies()
  if (request.query.size > 0) return redirect(SIGN_IN, cookie('hop', found))
  if (!cloud.signIns.find(cookies, 2)) return emptyCookies()
  const args = JSON.stringify({ 'csrf-token': found.csrf, locale: 'en' })
  return {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', ...cookie('page', found) },
    body: `<!doctype html>
<html><head><title>Sign in</title>
<script id="oauth-args" type="application/json">${args}</script>
</head><body><div id="root"></div></body></html>
`,
  }
}

function signIn(cloud: Cloud, request: Request): Answer {
  const form = new URLSearchParams(request.body)
  const found = cloud.signIns.find(cookiesOf(request), 3)
  if (!found) return emptyCookies()
  if (form.get('csrf-token') !== found.csrf) return json(403, { error: 'access_denied' })
  const person = cloud.signIns.personOf(form.get('username') ?? '')
  if (person && cloud.signIns.isLocked(person.accountId)) return locked()
  if (person?.amazon) return redirect('https://www.amazon.com/ap/signin')
  if (!person || form.get('password') !== person.password) {
    return json(401, { error: 'invalid_grant', error_description: 'Invalid username or password' })
  }
  found.accountId = person.accountId
  if (person.challenge === 'none') {
    found.done = true
    return redirect('/oauth/v2/authorize')
  }
  if (!cloud.signIns.mayResend(person.accountId)) return tooSoon(person)
  return cloud.signIns.sendCode(found, person.accountId) ? codeWanted(person, person.challenge) : locked()
}

function verify(cloud: Cloud, request: Request): Answer {
  const form = new URLSearchParams(request.body)
  const found = cloud.signIns.find(cookiesOf(request), 3)
  if (!found) return emptyCookies()
  if (form.get('csrf-token') !== found.csrf) return json(403, { error: 'access_denied' })
  switch (cloud.signIns.checkCode(found, form.get('2fa_code') ?? '')) {
    case 'right':
      return json(201, { status: 'auth-completed' })
    case 'locked':
      return locked()
    case 'wrong':
      return json(412, { error: 'Verification Code is invalid or expired' })
  }
}

/** 202 tells where the code went; 412 was seen with such a body and without. */
function codeWanted(person: Person, status: 202 | 412): Answer {
  if (status === 412) return { status, headers: {}, body: '' }
  return json(status, {
    next_time_in_secs: person.resendSeconds,
    phone: person.phone,
    tsv_methods: ['sms', 'whatsapp', 'voice'],
    tsv_state: 'sms',
    user_id: person.accountId,
  })
}

/** @see fronzbot/blinkpy#1229: 429 with the seconds to wait in the body, and no Retry-After */
function tooSoon({ resendSeconds }: Person): Answer {
  return json(429, {
    error: 'too_many_requests',
    error_cause: '2fa_rate_limit_exceeded',
    next_time_in_secs: resendSeconds,
  })
}

function locked(): Answer {
  const message = 'Login limit reached. Please disable any 3rd party automation and try again in 60 minutes.'
  return coded(400, 106, message)
}

function emptyCookies(): Answer {
  return json(400, {
    error: 'bad_request',
    error_cause: 'empty_cookies',
    error_description: 'Empty Cookies.',
  })
}

function redirect(location: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 302, headers: { Location: location, ...headers }, body: '' }
}

function cookie(name: keyof SignIn['cookies'], { cookies }: SignIn): Readonly<Record<string, string>> {
  return { 'Set-Cookie': `sim_${name}=${cookies[name]}; Path=/; Secure; HttpOnly; SameSite=Lax` }
}

function cookiesOf({ headers }: Request): ReadonlyMap<string, string> {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('=', 2))
  return new Map(pairs.map(([name = '', value = '']) => [name, value]))
}
