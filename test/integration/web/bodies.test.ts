/** Bodies as they come through a real socket, where the server's own kind of request is at work. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { servedPage, type Visitor, visitorAt } from '../../support/page.ts'

async function served() {
  const { opened, listener } = await servedPage()
  const { log, commands } = opened
  const { origin } = new URL(listener.url)
  return { page: visitorAt(origin), origin, port: listener.port, log, commands }
}

/** Sends a form as a proxy does that passes a body on while it comes: in pieces, without its length. */
async function postInPieces(page: Visitor, origin: string, body: string): Promise<number> {
  const answer = await page.send('/modules/request', {
    method: 'POST',
    body: new Blob([body]).stream(),
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
    duplex: 'half',
  } as RequestInit)
  return answer.status
}

test('a form that comes in pieces is taken as one that comes whole, up to 64 kB', async () => {
  const { page, origin, commands, log } = await served()
  const { text: shown } = await page.get('/accounts/import')
  const [, token = ''] = /name="form_token" value="([^"]+)"/.exec(shown) ?? []

  expect(await postInPieces(page, origin, `form_token=${token}`)).toBe(303)
  expect(commands).toEqual([{ verb: 'manifest/request', target: {} }])
  expect(await postInPieces(page, origin, `form_token=${'a'.repeat(70_000)}`)).toBe(413)
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test.each([
  'POST',
  'OPTIONS',
  'DELETE',
  'TRACE',
])('%s without a body is refused, and no bug', async (method) => {
  const { port, origin, log } = await served()
  const socket = connect(port, '127.0.0.1')

  socket.end(`${method} /modules HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nConnection: close\r\n\r\n`)

  expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /)
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
})
