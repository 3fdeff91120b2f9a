import { expect, test } from 'vitest'
import { parseImport } from '../../src/blink/import-file.ts'

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
