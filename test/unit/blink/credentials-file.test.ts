import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseImport, parseTokenLines } from '../../../src/blink/credentials-file.ts'
import { anyCharacter } from '../../support/characters.ts'

/** As the protocol notes have it. */
const line =
  'username=user%40example.com|password=p%7Cw|uid=BlinkCamera_x|device_id=Blinkpy|token=eyJhbGc|' +
  'expires_in=14400|expiration_date=1234567890.123|refresh_token=eyJhbGc.r%2Bs%3D|' +
  'host=e008.immedia-semi.com|region_id=e008|client_id=1234567|account_id=123456|user_id=99|2fa_code=123456'

test('the line of the protocol notes gives credentials', () => {
  const { credentials, problems, notes } = parseTokenLines(line)

  expect(problems).toEqual([])
  expect(notes).toEqual([])
  expect(credentials).toMatchObject([
    { line: 1, clientId: '1234567', accountId: '123456', region: 'e008', hardwareId: undefined },
  ])
  expect(credentials[0]?.refreshToken.reveal()).toBe('eyJhbGc.r+s=')
})

test('a refresh token is enough', () => {
  const { credentials, problems } = parseTokenLines('refresh_token=abc')

  expect(problems).toEqual([])
  expect(credentials).toMatchObject([{ clientId: 'android', accountId: undefined, region: undefined }])
})

test.each([
  'host=e008.immedia-semi.com',
  'host=rest-e008.immedia-semi.com',
  'host=https%3A%2F%2Frest-E008.immedia-semi.com%2F',
  'region_id=E008',
  'region_id=rest-e008',
  'region_id=rest-e008.immedia-semi.com',
])('the region is named by %s', (pair) => {
  expect(parseTokenLines(`refresh_token=abc|${pair}`).credentials[0]?.region).toBe('e008')
})

test.each([
  'host=evil.example',
  'host=rest-e008.immedia-semi.com.evil.example',
  'host=http%3A%2F%2Frest-e008.immedia-semi.com',
  'host=evil.example%2F.immedia-semi.com',
  'host=a.b.immedia-semi.com',
  'host=rest-e008.immedia-semi.com%3A444',
  'region_id=evil.example%2F',
  'region_id=e007|host=e008.immedia-semi.com',
])('a token is not sent to where %s points', (pair) => {
  const { credentials, problems } = parseTokenLines(`refresh_token=abc|${pair}`)

  expect(credentials).toEqual([])
  expect(problems.length).toBe(1)
  expect(problems[0]).not.toContain('evil')
})

test('each account has its line; blank lines and remarks are passed over', () => {
  const text = '# mine\r\n\n  refresh_token=a|account_id=1  \r\n# hers\nrefresh_token=b|account_id=2|\n'

  expect(parseTokenLines(text)).toMatchObject({
    problems: [],
    credentials: [
      { line: 3, accountId: '1' },
      { line: 5, accountId: '2' },
    ],
  })
})

test.each([
  `'${line}'`,
  `"${line}"`,
  `BLINK_TOKENS='${line}'`,
  `export BLINK_TOKENS="${line}"`,
  `\uFEFF${line}`,
])('quotes, and what else a copied line brings along, change nothing', (text) => {
  const plain = parseTokenLines(line)

  expect(parseTokenLines(text)).toEqual(plain)
})

test('an id that many installations share is left out, with a note', () => {
  for (const shared of ['Home%20Assistant', 'Blinkpy']) {
    const { credentials, notes } = parseTokenLines(`refresh_token=a|hardware_id=${shared}`)

    expect(credentials[0]?.hardwareId).toBeUndefined()
    expect(notes).toEqual([expect.stringMatching(/^line 1: `hardware_id` is one that many/)])
  }
  expect(parseTokenLines('refresh_token=a|hardware_id=5F0B').credentials[0]?.hardwareId).toBe('5F0B')
})

test.each([
  ['account_id=1', 'line 1: `refresh_token` is missing'],
  ['refresh_token=', 'line 1: `refresh_token` is missing'],
  ['refresh_token=sesame%', 'line 1: `refresh_token` is not URL-encoded as it should be'],
  ['refresh_token=sesame%20x', 'line 1: `refresh_token` has blanks or odd characters'],
  ['refresh_token=a|account_id=sesame', 'line 1: `account_id` is not a number'],
  ['refresh_token=a|client_id=sesame%0A', 'line 1: `client_id` has odd characters'],
  ['refresh_token=a|hardware_id=sesame%0A', 'line 1: `hardware_id` is too long or has odd characters'],
  ['refresh_token=a|sesame', 'line 1: a part is not of the form key=value'],
  ['refresh_token=a|refresh_token=sesame', 'line 1: `refresh_token` is there twice'],
  ['\nrefresh_token=a|account_id=7\n\nrefresh_token=b|account_id=7', 'line 4: the same account as in line 2'],
  ['refresh_token=a\nrefresh_token=a|x=1', 'line 2: the same account as in line 1'],
])('what is wrong is reported by line and key: %j', (text, problem) => {
  const { problems } = parseTokenLines(text)

  expect(problems).toContain(problem)
  expect(problems.join()).not.toContain('sesame')
})

test('a password that is not encoded is none of our business', () => {
  expect(parseTokenLines('refresh_token=a|password=100%|x=').problems).toEqual([])
})

test('a changed line has another fingerprint, one with more blanks around it has not', () => {
  const print = (text: string) => parseTokenLines(text).credentials[0]?.fingerprint

  expect(print('refresh_token=a')).toMatch(/^[0-9a-f]{64}$/)
  expect(print(' refresh_token=a ')).toBe(print('refresh_token=a'))
  expect(print('refresh_token=b')).not.toBe(print('refresh_token=a'))
})

test('no text is too odd to be read, and no problem repeats a value', () => {
  const part = fc.tuple(
    fc.constantFrom('refresh_token', 'host', 'region_id', 'account_id', 'x', ''),
    fc.string({ unit: anyCharacter }),
  )
  const lines = fc.array(part.map(([key, value]) => `${key}=zq${value}zq`)).map((parts) => parts.join('|'))
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: anyCharacter }), lines), (text) => {
      const { credentials, problems } = parseTokenLines(text)
      expect(problems.join()).not.toContain('zq')
      expect(JSON.stringify(credentials)).not.toContain('zq')
    }),
  )
})

test.each([
  'refresh_token=abc;client_id=ios;account_id=8021',
  'refresh_token=abc, client_id=ios, account_id=8021,',
  'refresh_token=abc;client_id=ios;account_id=8021;',
])('other marks between the parts are understood where there is no right one: %s', (text) => {
  const { credentials, problems } = parseTokenLines(text)

  expect(problems).toEqual([])
  expect(credentials).toMatchObject([{ clientId: 'ios', accountId: '8021' }])
  expect(credentials[0]?.refreshToken.reveal()).toBe('abc')
})

test.each([
  'refresh_token=abc;x|client_id=ios',
  'refresh_token=abc,def',
  'refresh_token=abc;client_id=ios|host=',
])('a mark inside a value is named, and nothing of the value: %s', (text) => {
  expect(parseTokenLines(text)).toMatchObject({
    credentials: [],
    problems: ['line 1: `refresh_token` holds `;` or `,`: the mark between two parts is `|`'],
  })
})

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
  const { credentials, problems } = parse({ ...blinkpy, hardware_id: '6C5DB6B0-7A0B' })

  expect(problems).toEqual([])
  expect(credentials).toMatchObject([
    { clientId: 'ios', accountId: '8021', region: 'e008', hardwareId: '6C5DB6B0-7A0B' },
  ])
  expect(credentials[0]?.refreshToken.reveal()).toBe('REFRESH/1+2')
})

test("blinkpy's JSON without a hardware id is of the client android, unless the person knows better", () => {
  expect(parse(blinkpy).credentials).toMatchObject([{ clientId: 'android', hardwareId: undefined }])
  expect(parse(blinkpy, 'ios').credentials).toMatchObject([{ clientId: 'ios' }])
})

test('a hardware id that everybody shares is left behind', () => {
  const { credentials, notes } = parse({ ...blinkpy, hardware_id: 'Blinkpy' })

  expect(credentials).toMatchObject([{ clientId: 'ios', hardwareId: undefined }])
  expect(notes).toEqual([expect.stringContaining('many installations share')])
})

test('null and missing fields are no problem, a missing refresh token is', () => {
  expect(parse({ refresh_token: 'R', host: null, account_id: null }).credentials).toMatchObject([
    { accountId: undefined, region: undefined },
  ])
  expect(parse({ ...blinkpy, refresh_token: null })).toMatchObject({
    credentials: [],
    problems: ['`refresh_token` is missing'],
  })
})

test('what only looks like JSON is refused without being repeated', () => {
  const { problems } = parseImport('{ "refresh_token": "REFRESH')

  expect(problems).toEqual(['the file is not the JSON that blinkpy saves'])
})

test('token lines are read as in BLINK_TOKENS, several accounts at a time', () => {
  const { credentials } = parseImport(
    'refresh_token=a|account_id=1\n# note\nrefresh_token=b|account_id=2|client_id=ios\n',
  )

  expect(credentials.map(({ accountId, clientId }) => [accountId, clientId])).toEqual([
    ['1', 'android'],
    ['2', 'ios'],
  ])
})

const second = { ...blinkpy, refresh_token: 'SECOND', account_id: 8022, hardware_id: 'AB-1' }
const accounts = (content: string) => parseImport(content).credentials.map(({ accountId }) => accountId)

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

  const { credentials, problems } = parseImport(content)

  expect(problems).toEqual([])
  expect(credentials.map(({ refreshToken }) => refreshToken.reveal())).toEqual(['REFRESH/1+2'])
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
