import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { servedPage, visitorAt } from '../../support/page.ts'

test('a thousand event streams: some are served, the rest refused, and the page answers', async () => {
  const { listener } = await servedPage()
  const host = new URL(listener.url).host

  /** What a stream was answered with; 0 for a connection that was not taken. */
  const open = (socket: Socket) =>
    new Promise<number>((resolve) => {
      let head = ''
      socket.write(`GET /live HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      socket.on('data', (bytes: Buffer) => {
        head += bytes.toString('latin1')
        const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]
        if (status !== undefined) resolve(Number(status))
      })
      socket.once('close', () => resolve(0))
    })
  const sockets = Array.from({ length: 1_000 }, () =>
    connect(listener.port, '127.0.0.1').on('error', () => undefined),
  )
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })

  const answers = await Promise.all(sockets.map(open))
  const count = (status: number) => answers.filter((answer) => answer === status).length
  expect(count(200)).toBe(64)
  expect(count(503) + count(0)).toBe(1_000 - 64)

  // Those that were refused take the places of connections until they have gone.
  for (const [index, socket] of sockets.entries()) if (answers[index] !== 200) socket.destroy()
  const isShown = async () => (await visitorAt(`http://${host}`).get('/')).status === 200
  while (!(await isShown().catch(() => false)));

  for (const socket of sockets) socket.destroy()
  const isTaken = async () => {
    const socket = connect(listener.port, '127.0.0.1').on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    return (await open(socket)) === 200
  }
  while (!(await isTaken()));
})
