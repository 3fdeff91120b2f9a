import { expect, onTestFinished, test } from 'vitest'
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.ts'
import { realTime } from '../../../src/simulator/time.ts'
import { openCredentials } from '../../../src/storage/credentials.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { home } from '../../support/homes.ts'
import { type OpenedPage, openPage, type Visitor } from '../../support/page.ts'
import { temporaryDirectory } from '../../support/samples.ts'
import { until } from '../../support/until.ts'

const hourMs = 3_600_000

interface Desk {
  readonly cloud: Simulator
  readonly page: OpenedPage
  readonly anna: ReturnType<Simulator['person']>
  /** The page of a program that was started anew with the same directory. */
  restarted(): OpenedPage
}

async function aDesk(person: object = {}): Promise<Desk> {
  const clock = fakeClock()
  const time = { ...realTime, now: () => clock.now() }
  const cloud = await startSimulator({ time, accounts: [{ ...home(1), person }] })
  onTestFinished(() => cloud.close())
  const dataDir = temporaryDirectory()
  const storage = await openCredentials(dataDir)
  const env = {
    BLINK_MANIFESTD_DATA_DIR: dataDir,
    BLINK_OAUTH_URL: cloud.oauthUrl,
    BLINK_REST_URL: cloud.restUrl,
  }
  const open = () => openPage({ env, storage, clock, accounts: [] })
  return { cloud, page: open(), anna: cloud.person(), restarted: open }
}

const enterPerson = async (visitor: Visitor, { email, password }: { email: string; password: string }) => {
  await visitor.get('/')
  return visitor.post('/accounts/sign-in', { email, password })
}
const sendCode = (visitor: Visitor, code: string) => visitor.post('/accounts/sign-in/code', { code })

test('without an account the first page is the sign-in, and after it the overview', async () => {
  const { page, anna, cloud } = await aDesk()
  expect((await page.get('/')).text).toContain('<h1>Sign in to Blink</h1>')

  const wanted = await enterPerson(page, anna)
  expect(wanted.text).toContain('Blink has sent a code by sms to +49xxxxxxx34.')
  expect(wanted.text).not.toContain(anna.password)
  const done = await sendCode(page, anna.code)

  expect(done.text).toContain('<h1>Overview</h1>')
  expect(done.text).toContain('Signed in: account 8021 in region e008.')
  expect(cloud.codesSent(8021)).toBe(1)
  const accounts = await page.get('/accounts')
  expect(accounts.text).toContain('8021')
})

test('a sign-in survives a reload, another browser and a restart, with one code', async () => {
  const { page, anna, cloud, restarted } = await aDesk()
  await enterPerson(page, anna)

  for (const visitor of [page, page.visitor(), restarted()]) {
    expect((await visitor.get('/')).text).toContain('Blink has sent a code')
  }
  const later = restarted()
  await later.get('/')
  expect((await sendCode(later, anna.code)).text).toContain('Signed in: account 8021')
  expect(cloud.codesSent(8021)).toBe(1)
})

test('the same address and password again sends no second code', async () => {
  const { page, anna, cloud } = await aDesk()
  await enterPerson(page, anna)

  const again = await page.post('/accounts/sign-in', { email: anna.email, password: anna.password })

  expect(again.text).toContain('Blink has sent a code')
  expect(cloud.codesSent(8021)).toBe(1)
})

test('a double click is one step', async () => {
  const { page, anna, cloud } = await aDesk({ challenge: 'none' })
  await page.get('/')
  const click = () => page.post('/accounts/sign-in', { email: anna.email, password: anna.password })

  const both = await Promise.all([click(), click()])

  expect(both.map(({ text }) => text.includes('Signed in: account 8021'))).toEqual([true, true])
  const tries = cloud.calls.filter(({ method, path }) => method === 'POST' && path.endsWith('/signin'))
  expect(tries).toHaveLength(1)
})

test('a wrong code is shown beside its field, and the right one still works', async () => {
  const { page, anna, cloud } = await aDesk({ challenge: 412 })
  await enterPerson(page, anna)

  const wrong = await sendCode(page, '111111')
  expect(wrong.text).toMatch(/role="alert" id="message">.*This is not the code that was sent \(HTTP 412\)/s)
  expect(wrong.text).toMatch(/id="code"[^>]* aria-invalid="true" aria-describedby="message"/)
  expect((await sendCode(page, 'no code at all')).text).toContain('This is not the code that was sent')
  expect((await sendCode(page, ` ${anna.code.slice(0, 3)} ${anna.code.slice(3)}`)).text).toContain(
    'Signed in',
  )
  expect(cloud.codesSent(8021)).toBe(1)
})

test('another code is sent for a click, not before its time, and never by itself', async () => {
  const { page, anna, cloud } = await aDesk()
  await enterPerson(page, anna)
  const resend = () => page.post('/accounts/sign-in/resend')

  const early = await resend()
  expect(early.text).toMatch(
    /Requested again too quickly, and no code was sent. Not before <time datetime="2026-11-23T09:01:00/,
  )
  expect(early.text).not.toContain('aria-invalid')
  expect(cloud.codesSent(8021)).toBe(1)
  await page.clock.advance(60_000)
  await page.get('/')
  expect(cloud.codesSent(8021)).toBe(1)
  const sent = await resend()

  expect(sent.text).toMatch(/another one can be had from <time datetime="2026-11-23T09:02:00/)
  expect(cloud.codesSent(8021)).toBe(2)
  expect((await sendCode(page, anna.code)).text).toContain('Signed in')
})

test('after a restart another code takes address and password again', async () => {
  const { page, anna, cloud, restarted } = await aDesk()
  await enterPerson(page, anna)
  await page.clock.advance(60_000)
  const later = restarted()

  const asked = await later.get('/')
  expect(asked.text).toContain('The program was restarted since')
  const { email, password } = anna
  await later.post('/accounts/sign-in/resend', { email, password })

  expect(cloud.codesSent(8021)).toBe(2)
})

test('a code that is too old is shown as one, and the sign-in begins anew', async () => {
  const { page, anna } = await aDesk()
  await enterPerson(page, anna)
  await page.clock.advance(hourMs)

  const late = await sendCode(page, anna.code)

  expect(late.text).toContain('The code is too old')
  expect(late.text).toContain('id="email"')
})

test('an account without the second step is signed in by one form', async () => {
  const { page, anna, cloud } = await aDesk({ challenge: 'none' })

  expect((await enterPerson(page, anna)).text).toContain('Signed in: account 8021')
  expect(cloud.codesSent(8021)).toBe(0)
})

test('whoever begins again gives up the code that was sent', async () => {
  const { page, anna } = await aDesk()
  await enterPerson(page, anna)

  const anew = await page.post('/accounts/sign-in/cancel')

  expect(anew.text).toContain('id="email"')
})

test('what cannot be an address or a password is sent to nobody', async () => {
  const { page, cloud } = await aDesk()
  await page.get('/')

  const noAddress = await page.post('/accounts/sign-in', { email: 'anna', password: 'x' })
  const noPassword = await page.post('/accounts/sign-in', { email: 'anna@example.com', password: '' })

  expect(
    [noAddress.text, noPassword.text].map((text) => /role="alert"[^>]*><p>([^<]*)/.exec(text)?.[1]),
  ).toEqual(['This is no e-mail address.', 'The password is empty.'])
  expect(noPassword.text).toContain('value="anna@example.com"')
  expect(cloud.calls).toEqual([])
})

const signInPost = { path: '/signin', method: 'POST' }
test.each<[what: string, person: object, fault: object | undefined, says: RegExp]>([
  ['an account of Amazon', { amazon: true }, undefined, /signs in by way of Amazon/],
  ['the edge', {}, { kind: 'edge', path: '/oauth/v2/authorize' }, /edge of the cloud.*HTTP 406/],
  ['an old app', {}, { kind: 'status', status: 426, path: '/oauth/v2/authorize' }, /retired the app version/],
  [
    'a lock',
    {},
    { kind: 'status', status: 400, body: { code: 106, message: 'pause <b>for</b> an hour' }, ...signInPost },
    /locked the account for an hour \(HTTP 400, code 106\). Not before <time datetime="2026-11-23T10:00:00/,
  ],
  [
    "the cloud's own words",
    {},
    { kind: 'status', status: 401, body: { message: 'Invalid credentials' }, ...signInPost },
    /Blink says: “Invalid credentials”/,
  ],
  ['no answer', {}, { kind: 'reset_before', path: '/oauth' }, /broke the connection|closed the connection/],
  ['a page that is another', {}, { kind: 'html', path: '/oauth/v2/signin' }, /not what we know/],
  [
    'lost cookies',
    {},
    { kind: 'status', status: 400, body: { error_cause: 'empty_cookies' }, method: 'POST' },
    /lost track of this sign-in/,
  ],
])('%s has its own sentence on the page', async (_, person, fault, says) => {
  const { page, anna, cloud } = await aDesk(person)
  if (fault) cloud.misbehave(fault as Parameters<Simulator['misbehave']>[0])

  const refused = await enterPerson(page, anna)

  expect(refused.text).toMatch(says)
  expect(refused.text).not.toContain(anna.password)
  expect(refused.text).not.toContain('<b>for</b>')
  expect(page.log.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('a locked account is asked for nothing before its time', async () => {
  const { page, anna, cloud } = await aDesk()
  cloud.misbehave({ kind: 'status', status: 400, body: { code: 106 }, ...signInPost })
  await enterPerson(page, anna)
  cloud.calm()
  const before = cloud.calls.length

  const again = await enterPerson(page, anna)

  expect(again.text).toContain('Blink has locked the account for an hour')
  expect(cloud.calls).toHaveLength(before)
})

test('tokens of another program are taken over, and what is wrong with them is shown', async () => {
  const { page, cloud } = await aDesk()
  await page.get('/accounts/import')

  const wrong = await page.post('/accounts/import', { tokens: 'account_id=8021' })
  expect(wrong.text).toMatch(/role="alert".*line 1/s)
  expect((await page.post('/accounts/import', { tokens: ' ' })).text).toContain('there is no login in it')
  const done = await page.post('/accounts/import', { tokens: cloud.tokens() })

  expect(done.text).toContain('<h1>Accounts</h1>')
  expect(done.text).toContain('Signed in: account 8021')
})

test('a token that is refused is told, and never shown', async () => {
  const { page, cloud } = await aDesk()
  const tokens = cloud.tokens()
  cloud.revoke(8021)
  await page.get('/accounts/import')

  const refused = await page.post('/accounts/import', { tokens })

  expect(refused.text).toContain('role="alert"')
  expect(refused.text).not.toContain(/refresh_token=([^|]+)/.exec(tokens)?.[1] ?? 'no token')
})

test('a sign-out is confirmed and forgets the account', async () => {
  const { page, anna } = await aDesk({ challenge: 'none' })
  await enterPerson(page, anna)
  expect((await page.get('/accounts')).text).toContain('accounts/sign-out?account=8021')

  const question = await page.get('/accounts/sign-out?account=8021')
  expect(question.text).toContain('<h1>Sign out of 8021?</h1>')
  expect((await page.get('/accounts')).text).toContain('8021')
  await page.get('/accounts/sign-out?account=8021')
  const done = await page.post('/accounts/sign-out', { account: '8021' })

  expect(done.text).toContain('Signed out: 8021.')
  expect((await page.get('/')).text).toContain('<h1>Sign in to Blink</h1>')
  expect((await page.post('/accounts/sign-out', { account: '8021' })).status).toBe(404)
})

test('a sign-in that waits for its code is pointed at from the accounts', async () => {
  const { page, anna } = await aDesk()
  expect((await page.get('/accounts')).text).not.toContain('Go on with the sign-in')
  await enterPerson(page, anna)

  expect((await page.get('/accounts')).text).toContain('Go on with the sign-in that waits for you')
})

test('a stop ends a step under way, and the next start goes on', async () => {
  const { page, anna, cloud, restarted } = await aDesk()
  await enterPerson(page, anna)
  cloud.misbehave({ kind: 'hang', path: '/2fa/verify' })
  const cut = sendCode(page, anna.code)
  await until('the code at the cloud', () => cloud.calls.some(({ path }) => path.endsWith('/2fa/verify')))

  await page.web.stop()

  expect((await cut).text).not.toContain('Signed in')
  expect(page.log.lines.filter(({ level }) => level === 'error')).toEqual([])
  cloud.calm()
  const next = restarted()
  await next.get('/')
  expect((await sendCode(next, anna.code)).text).toContain('Signed in: account 8021')
})
