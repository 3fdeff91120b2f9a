import { expect, test } from 'vitest'
import { parseImport } from '../../../src/blink/import-file.ts'

const blinkpy = {
  username: 'anna@example.com',
  password: 'hush',
  uid: 'BlinkCamera_1',
  device_id: 'Blinkpy',
  token: 'ACCESS',
  expires_in: 14400,
  expiration_date: 1763000000.5,
  refresh_token: 'REFRESH/1+2',
  host: 'rest-e008.immedia-semi.com',
  region_id: 'e008',
  client_id: 1234567,
  account_id: 8021,
  user_id: 99,
}
const parse = (json: object, client?: string) => parseImport(JSON.stringify(json, undefined, 4), client)

test("blinkpy's JSON with a hardware id is of the client ios, and its number client_id is not the client", () => {
  const { logins, problems } = parse({ ...blinkpy, hardware_id: '6C5DB6B0-7A0B' })

  expect(problems).toEqual([])
  expect(logins).toMatchObject([
    { clientId: 'ios', accountId: '8021', region: 'e008', hardwareId: '6C5DB6B0-7A0B' },
  ])
  expect(logins[0]?.refreshToken.reveal()).toBe('REFRESH/1+2')
})

test("blinkpy's JSON without a hardware id is of the client android, unless the person knows better", () => {
  expect(parse(blinkpy).logins).toMatchObject([{ clientId: 'android', hardwareId: undefined }])
  expect(parse(blinkpy, 'ios').logins).toMatchObject([{ clientId: 'ios' }])
})

test('a hardware id that everybody shares is left behind', () => {
  const { logins, notes } = parse({ ...blinkpy, hardware_id: 'Blinkpy' })

  expect(logins).toMatchObject([{ clientId: 'ios', hardwareId: undefined }])
  expect(notes).toEqual([expect.stringContaining('many installations share')])
})

test('null and missing fields are no problem, a missing refresh token is', () => {
  expect(parse({ refresh_token: 'R', host: null, account_id: null }).logins).toMatchObject([
    { accountId: undefined, region: undefined },
  ])
  expect(parse({ ...blinkpy, refresh_token: null })).toMatchObject({
    logins: [],
    problems: ['`refresh_token` is missing'],
  })
})

test('what only looks like JSON is refused without being repeated', () => {
  const { problems } = parseImport('{ "refresh_token": "REFRESH')

  expect(problems).toEqual(['the file is not the JSON that blinkpy saves'])
})

test('token lines are read as in BLINK_TOKENS, several accounts at a time', () => {
  const { logins } = parseImport(
    'refresh_token=a|account_id=1\n# note\nrefresh_token=b|account_id=2|client_id=ios\n',
  )

  expect(logins.map(({ accountId, clientId }) => [accountId, clientId])).toEqual([
    ['1', 'android'],
    ['2', 'ios'],
  ])
})

const second = { ...blinkpy, refresh_token: 'SECOND', account_id: 8022, hardware_id: 'AB-1' }
const accounts = (content: string) => parseImport(content).logins.map(({ accountId }) => accountId)

test.each([
  ['a byte order mark', `\uFEFF${JSON.stringify(blinkpy)}`, ['8021']],
  ['a list', JSON.stringify([blinkpy, second]), ['8021', '8022']],
  ['a line each', `${JSON.stringify(blinkpy)}\n${JSON.stringify(second)}\n`, ['8021', '8022']],
  ['an object around it', JSON.stringify({ auth: blinkpy }), ['8021']],
  [
    'what is known of the account beside the tokens',
    JSON.stringify({ account_id: 8021, host: blinkpy.host, token: { refresh_token: 'R' } }),
    ['8021'],
  ],
])("blinkpy's JSON is found with %s", (_, content, expected) => {
  expect(parseImport(content).problems).toEqual([])
  expect(accounts(content)).toEqual(expected)
})

/** As Home Assistant keeps the entries of all integrations. */
const homeAssistant = (...entries: readonly object[]) =>
  JSON.stringify({ version: 1, key: 'core.config_entries', data: { entries } })

test("Home Assistant's file gives its Blink entries, and the tokens of no other integration", () => {
  const others = { domain: 'spotify', data: { token: { refresh_token: 'OTHER' } } }
  const content = homeAssistant(others, { domain: 'blink', title: 'Home', data: blinkpy })

  const { logins, problems } = parseImport(content)

  expect(problems).toEqual([])
  expect(logins.map(({ refreshToken }) => refreshToken.reveal())).toEqual(['REFRESH/1+2'])
})

test.each([
  ['has no Blink in it', homeAssistant({ domain: 'hue', data: {} }), ['there is no login of Blink in it']],
  ['has an old entry', homeAssistant({ domain: 'blink', data: {} }), ['`refresh_token` is missing']],
  [
    'is for a bug report',
    homeAssistant({ domain: 'blink', data: { ...blinkpy, refresh_token: '**REDACTED**' } }),
    ['`refresh_token` was blacked out, as in a file for a bug report'],
  ],
  [
    'is a list with a gap',
    JSON.stringify([blinkpy, { ...second, refresh_token: undefined }]),
    ['entry 2: `refresh_token` is missing'],
  ],
  ['names an account twice', JSON.stringify([blinkpy, blinkpy]), ['entry 2: the same account as in entry 1']],
])('a file that %s is named', (_, content, problems) => {
  expect(parseImport(content).problems).toEqual(problems)
})
