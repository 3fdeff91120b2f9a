/** The wire between an instance and its servers, and the clock that is wrong. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openWire } from '../../fleet/wire.ts'
import { tcpPeer } from '../../support/peer.ts'
import { until } from '../../support/until.ts'

/** Echoes what it gets. */
const echo = () => tcpPeer((socket) => socket.pipe(socket))

function listenTo(socket: Socket) {
  const state = { text: '', isOver: false }
  socket.setEncoding('utf8').on('data', (text: string) => {
    state.text += text
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    state.isOver = true
  })
  return state
}

test('what is sent while a wire is stalled arrives in order when it is mended', async () => {
  await using server = await echo()
  await using wire = await openWire(server.port)
  const socket = connect(wire.port, '127.0.0.1')
  const heard = listenTo(socket)
  socket.write('a')
  await until('the first letter', () => heard.text === 'a')

  wire.stall()
  socket.write('b')
  const late = connect(wire.port, '127.0.0.1')
  const lateHeard = listenTo(late)
  late.write('x')
  await once(late, 'connect')
  expect([heard.text, lateHeard.text]).toEqual(['a', ''])
  wire.mend()

  await until('the rest', () => heard.text === 'ab' && lateHeard.text === 'x')
  expect([heard.isOver, lateHeard.isOver]).toEqual([false, false])
  socket.destroy()
  late.destroy()
})

test('a wire that is cut ends its connections and takes none until it is mended', async () => {
  await using server = await echo()
  await using wire = await openWire(server.port)
  const heard = listenTo(connect(wire.port, '127.0.0.1').setKeepAlive(true))
  const first = connect(wire.port, '127.0.0.1')
  const firstHeard = listenTo(first)
  first.write('a')
  await until('an echo', () => firstHeard.text === 'a')

  wire.cut()
  await until('the end of both', () => heard.isOver && firstHeard.isOver)
  const refused = listenTo(connect(wire.port, '127.0.0.1'))
  await until('the refusal', () => refused.isOver)
  wire.mend()

  const again = connect(wire.port, '127.0.0.1')
  const againHeard = listenTo(again)
  again.write('b')
  await until('an echo once more', () => againHeard.text === 'b')
  again.destroy()
})

test('the clock of an instance is wrong in every way of reading it, and dates stay dates', () => {
  const clock = new URL('../../fleet/skewed-clock.ts', import.meta.url).href
  const script = `const n = Date.now(); console.log(JSON.stringify([n, +new Date(), new Date(5).getTime(), new Date() instanceof Date]))`
  const before = Date.now()
  const { stdout } = spawnSync(process.execPath, ['--import', clock, '-e', script], {
    env: { ...process.env, FLEET_SKEW_MS: '3600000' },
    encoding: 'utf8',
  })

  const [now, made, given, isDate] = JSON.parse(stdout) as [number, number, number, boolean]
  expect(now).toBeGreaterThanOrEqual(before + 3_600_000)
  expect(made).toBeGreaterThanOrEqual(now)
  expect([given, isDate]).toEqual([5, true])
})
