/** Nothing secret or personal passes, in whatever form it comes; what is needed to understand a fault does. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRedaction } from '../../../src/support/redaction.ts'
import { hostileNames } from '../../support/hostile.ts'
import { formsOf } from '../../support/kept.ts'

const { text, value } = createRedaction({})

test.each([
  ['a token', 'refused: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI4MDIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r', /eyJ|dBj/],
  ['an opaque token', 'body was {"refresh_token":"v1.MjQxNDU","x":1}', /MjQx/],
  ['a bearer', 'Authorization: Bearer abc.def', /abc/],
  ['a token in a query', 'GET https://rest-e008.immedia-semi.com/api?token=abcd1234', /abcd/],
  ['base64', 'key q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=', /q83v/],
  ['a code', 'sent code: 481516', /481516/],
  ['an e-mail address', 'sent to Anna.Schmidt+blink@example.co.uk today', /anna|example/i],
  ['one in a query', 'user=anna%40example.com&x=1', /anna|example/],
  ['one with a name in quotes', 'to "anna schmidt"@example.com', /schmidt|example/],
  ['a password in a URL', 'mqtt://daemon:hunter2@broker.lan:1883', /daemon|hunter2|broker/],
  ['a host', 'cannot reach wss://anna-home.duckdns.org/secret-hook', /anna|secret-hook/],
  ['an IPv4 address', 'connect ECONNREFUSED 192.168.178.20:1883', /192|178/],
  ['an IPv6 address', 'connect ECONNREFUSED 2001:db8::17', /2001|db8/],
  ['a MAC address', 'device aa:bb:cc:dd:ee:0f', /aa:bb/],
  ['a serial number', 'module G8V1-4A00-1234-5678 and A3T2X0011234', /G8V1|A3T2/],
  ['a phone number', 'code by SMS to +49 151 2345678', /151|2345/],
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----', /MIIE/],
  ['half a private key', '-----BEGIN PRIVATE KEY-----\nMIIE', /MIIE/],
  ['a user of this machine', 'cannot write /home/anna/blink/state.db', /anna/],
  ['one of Windows', String.raw`cannot write C:\Users\anna\blink`, /anna/],
])('%s is masked', (_, given, seen) => {
  expect(given).toMatch(seen)
  expect(text(given)).not.toMatch(seen)
  expect(text(given)).toContain('[')
})

test.each([
  'connect ECONNREFUSED 127.0.0.1:1883',
  'read ERR_HTTP2_STREAM_CANCEL after 20 s',
  'run done at 2026-11-23T09:12:44.182Z, next 2026-11-23 09:15:00',
  'blink-manifestd/sync/8021/44107/350221/manifest/requested',
  'https://rest-e008.immedia-semi.com/api/v1/accounts/8021/networks/44107/sync_modules/350221',
  'forget this one: `blink-manifestd logout login-0197a100-0000-7000-8000-000000000001`',
  'cannot write /data/state.db: the disk is full',
  'node v24.21.0 on linux 6.1.0, SQLite 3.50.4',
  'listening on [::1]:8080 and 0.0.0.0',
])('"%s" stays as it is', (given) => {
  expect(text(given)).toBe(given)
})

test('known texts are masked in every form, also inside of words where they are secret', () => {
  const secret = 'pa/ss wörd&"1'
  const known = createRedaction({ secrets: [secret], names: ['Anna’s Garage'], serials: ['270123456'] })
  for (const form of formsOf(secret)) expect(known.text(`x${form}y`)).not.toContain(form)
  expect(known.text('in Anna’s Garage with 270123456.')).toBe('in [name] with [serial].')
})

test('a name masks itself and no part of another word', () => {
  const known = createRedaction({ names: ['run', 'on', '__proto__', 'a.c'] })

  expect(known.text('run done, running, on abc a.c')).toBe('[name] done, running, on abc [name]')
  expect(known.value({ detail: 'run __proto__' })).toEqual({ detail: '[name] [name]' })
})

test.each(hostileNames)('a hostile name is masked wherever it stands: %j', (name) => {
  const known = createRedaction({ names: [name] })
  const document = { detail: `cannot open ${name}: busy`, list: [name], name, nested: { camera_name: name } }

  const shown = JSON.stringify(known.value(document))

  for (const form of [name, JSON.stringify(name).slice(1, -1)]) expect(shown).not.toContain(form)
  expect(shown).toContain('busy')
})

test('fields that are secret or personal by their name are masked whole, whatever they hold', () => {
  const given = {
    ...{ password: 'x', refresh_token: 5, Authorization: 'y', email: 'z', username: 'u', serial: 's' },
    ...{ name: 'n', network_name: 'm', camera: 'c', path: 'Home/Hall/a.mp4', pin: 1 },
  }
  const shown = value(given) as Record<string, unknown>

  for (const [key, mask] of Object.entries(shown)) expect(`${key} ${String(mask)}`).toMatch(/ \[\w+\]$/)
  expect(value({ path: '/data/state.db', status: 406, ok: true, none: null, account_id: 8021 })).toEqual({
    ...{ path: '/data/state.db', status: 406, ok: true, none: null, account_id: 8021 },
  })
})

test('files below a directory of clips are masked, the directory is not', () => {
  const known = createRedaction({ directories: ['/data/clips'] })

  expect(known.text('cannot write /data/clips/Home/Anna’s Room/a b.mp4: full')).toBe(
    'cannot write /data/clips/[name]: full',
  )
})

test('a long text is cut, and any text is read in time', () => {
  const worst = ['a', '-', '/', 'A1', 'a@', 'f:', '"', '1.', '://', '+1', '=', 'token', ' '].map((piece) =>
    piece.repeat(200_000 / piece.length),
  )
  for (const one of worst) expect(text(one).length).toBeLessThan(20_000)
})

test('a document of any shape becomes JSON again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (document) => {
      expect(() => JSON.parse(JSON.stringify(value(document)))).not.toThrow()
    }),
  )
  const circle: Record<string, unknown> = {}
  circle.self = circle
  expect(() => JSON.stringify(value(circle))).not.toThrow()
})

test('a thousand accounts have more tokens than one pattern can hold', () => {
  const secrets = Array.from({ length: 5_000 }, (_, index) => `Ünlike-${index}-any.other+token/${index}`)
  const tokens = Array.from({ length: 5_000 }, (_, index) => `sim-refresh-${index}-0197a100-9f3c`)
  // A list of tokens is one secret as well, as it stands in the settings.
  const known = createRedaction({ secrets: [tokens.join('\n'), ...secrets, ...tokens] })

  for (const secret of [...secrets, ...tokens].filter((_, index) => index % 997 === 0)) {
    expect(known.text(`before ${secret} behind`)).not.toContain(secret)
    expect(known.value({ msg: `before ${secret}` })).not.toMatchObject({
      msg: expect.stringContaining(secret),
    })
  }
})

test('a long text is not cut inside of a token', () => {
  const token = 'sim-refresh-0197a100-9f3c'
  const known = createRedaction({ secrets: [token] })

  for (let start = 3_970; start <= 4_000; start++) {
    expect(known.text(`${' '.repeat(start)}${token}`)).not.toContain('sim')
  }
})
