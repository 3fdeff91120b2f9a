/** The log with level and search, the settings with their origins, the bundle for a bug report. */
import { expect, test } from 'vitest'
import type { TailLine } from '../../../src/domain/diagnostics.ts'
import { openPage } from '../../support/page.ts'
import { start } from '../../support/samples.ts'

const lines: readonly TailLine[] = [
  { at: start, level: 'debug', message: 'request finished', fields: { kind: 'homescreen', status: 200 } },
  { at: start + 1, level: 'info', message: 'run done', fields: { requested: 2 } },
  { at: start + 2, level: 'error', message: 'account needs a person', fields: { detail: '<b onclick="x">' } },
]
const messagesIn = (text: string) =>
  [...text.matchAll(/<td role="cell" data-head="Line"><div>([^<]*)/g)].map(([, message]) => message)

test.each([
  ['', ['account needs a person', 'run done']],
  ['?level=debug', ['account needs a person', 'run done', 'request finished']],
  ['?level=error', ['account needs a person']],
  ['?level=nonsense', ['account needs a person', 'run done']],
  ['?level=debug&search=HOMESCREEN+finished', ['request finished']],
  ['?level=debug&search=status%22%3A200', ['request finished']],
  ['?search=nothing', []],
])('log%s shows the newest first: %j', async (query, messages) => {
  const { text, status } = await openPage({ lines }).get(`/log${query}`)

  expect(status).toBe(200)
  expect(messagesIn(text)).toEqual(messages)
})

test('what was searched for and what stands in a line is text and nothing else', async () => {
  const { text } = await openPage({ lines }).get(
    `/log?search=${encodeURIComponent('"><script>alert(1)</script>')}`,
  )
  const { text: all } = await openPage({ lines }).get('/log')

  expect(text).not.toContain('<script>')
  expect(text).toContain('value="&quot;&gt;&lt;script&gt;')
  expect(all).toContain('detail=&lt;b onclick=')
})

test('settings show value and origin, mask secrets, and say which need a restart', async () => {
  const password = 'correct-horse-battery'
  const { text } = await openPage({ env: { MQTT_PASSWORD: password, MQTT_USERNAME: 'anna' } }).get(
    '/settings',
  )

  const rowOf = (name: string) => /.*?<\/tr>/s.exec(text.slice(text.indexOf(`<code>${name}</code>`)))?.[0]
  expect(rowOf('mqtt.password')).toMatch(/\[secret\].*environment MQTT_PASSWORD.*a restart/s)
  expect(rowOf('mqtt.username')).toMatch(/anna.*environment MQTT_USERNAME/s)
  expect(rowOf('mqtt.ca')).toMatch(/not set.*default/s)
  expect(rowOf('log.level')).toMatch(/info.*nothing: the command options/s)
  expect(text).not.toContain(password)
})

test('the bundle is a download, made at most once in ten seconds', async () => {
  let made = 0
  const bundle = async () => ({ name: 'blink-manifestd-support-1.json', text: `{"number":${++made}}` })
  const page = openPage({ bundle })

  const [first, second] = [
    await page.get('/settings/support-bundle'),
    await page.get('/settings/support-bundle'),
  ]
  await page.clock.advance(10_000)
  const third = await page.get('/settings/support-bundle')

  expect(first.headers.get('content-disposition')).toBe(
    'attachment; filename="blink-manifestd-support-1.json"',
  )
  expect([first.text, second.text, third.text]).toEqual(['{"number":1}', '{"number":1}', '{"number":2}'])
})

test('a bundle that could not be made is tried again at once', async () => {
  let isBroken = true
  const bundle = () =>
    isBroken ? Promise.reject(new Error('no disk')) : Promise.resolve({ name: 'a.json', text: '{}' })
  const page = openPage({ bundle })
  expect((await page.get('/settings/support-bundle')).status).toBe(500)

  isBroken = false

  expect((await page.get('/settings/support-bundle')).status).toBe(200)
})
