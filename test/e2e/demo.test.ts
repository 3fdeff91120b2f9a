import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const requestLine = /^\d\d:\d\d:\d\d {2}sync module \d+ in network \d+ {2}request ID \d+ {2}\(\w+\)$/m

mosquittoTest('demo shows request IDs, and the command it prints shows all topics', async () => {
  await using world = await startWorld({ broker: false })
  await using demo = startProgram(['demo'], { env: { TMPDIR: world.directory }, cwd: world.directory })
  const state = () => demo.stdout() + demo.stderr()
  const command = await until('the command', () => /mosquitto_sub .*/.exec(demo.stdout())?.[0], { state })
  await until('a request ID', () => requestLine.test(demo.stdout()), { state })

  const subscriber = spawn('sh', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: subscriber.stdout }).on('line', (line) => lines.push(line))
  await until('a topic', () => lines.some((line) => line.startsWith('blink-manifestd/bridge/state online')))
  await until('an id', () => lines.some((line) => /\/request_id 67\d+$/.test(line)))
  subscriber.kill()

  expect(demo.stderr()).toBe('')
  const { code } = await demo.stop('SIGINT')
  expect(code).toBe(0)
  expect(readdirSync(world.directory).filter((name) => name.includes('demo'))).toEqual([])
})

test('demo with settings that cannot be used says so, and is no bug', async () => {
  await using world = await startWorld({ broker: false })

  const { code, stderr } = await world.finish(['demo', '--schedule-cron', '99 99 * * *'])

  expect(code).toBe(78)
  expect(stderr).toContain('schedule.cron')
})

test('demo takes another port when the usual one is taken', async () => {
  await using world = await startWorld({ broker: false })
  const holder = createServer().listen(1883, '127.0.0.1')
  // Somebody else may hold it, and that does as well.
  holder.on('error', () => undefined)
  await using demo = startProgram(['demo'], { env: { TMPDIR: world.directory }, cwd: world.directory })

  const port = await until('the port', () => /mosquitto_sub .* -p (\d+)/.exec(demo.stdout())?.[1], {
    state: demo.stderr,
  })
  await until('a request ID', () => requestLine.test(demo.stdout()), { state: demo.stderr })
  holder.close()

  expect(port).not.toBe('1883')
})
