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

  // A busy machine may not keep the demo's fast schedule.
  const said = demo
    .stderr()
    .split('\n')
    .filter((line) => line && !line.includes('run skipped'))
  expect(said).toEqual([])
  const { code } = await demo.stop('SIGINT')
  expect(code).toBe(0)
  expect(readdirSync(world.directory).filter((name) => name.includes('demo'))).toEqual([])
})

test('the first line of demo is the address of its page, which shows the daemon', async () => {
  await using world = await startWorld({ broker: false })
  await using demo = startProgram(['demo'], { env: { TMPDIR: world.directory }, cwd: world.directory })
  const state = () => demo.stdout() + demo.stderr()
  await until('a request ID', () => requestLine.test(demo.stdout()), { state })

  const [address = ''] = demo.stdout().split('\n')
  const answer = await fetch(address)

  expect(answer.status).toBe(200)
  expect(await answer.text()).toContain('<h1>Overview</h1>')
})

test('demo with settings that cannot be used says so, and is no bug', async () => {
  await using world = await startWorld({ broker: false })

  const { code, stderr } = await world.finish(['demo', '--schedule-cron', '99 99 * * *'])

  expect(code).toBe(78)
  expect(stderr).toContain('schedule.cron')
})

test('demo takes other ports when the usual ones are taken', async () => {
  await using world = await startWorld({ broker: false })
  const holders = [1883, 8090].map((port) => createServer().listen(port, '127.0.0.1'))
  // Somebody else may hold them, and that does as well.
  for (const holder of holders) holder.on('error', () => undefined)
  await using demo = startProgram(['demo'], { env: { TMPDIR: world.directory }, cwd: world.directory })

  const port = await until('the port', () => /mosquitto_sub .* -p (\d+)/.exec(demo.stdout())?.[1], {
    state: demo.stderr,
  })
  await until('a request ID', () => requestLine.test(demo.stdout()), { state: demo.stderr })
  for (const holder of holders) holder.close()

  expect(port).not.toBe('1883')
  expect(demo.stdout()).toMatch(/^http:\/\/127\.0\.0\.1:(?!8090)\d+\/\n/)
})
