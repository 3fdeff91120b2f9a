/** What becomes of the work when standard output or standard error cannot be written. */
import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openFifo } from '../support/fifo.ts'
import { fast, home, itemsSeen, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const five = { manifestSeconds: 0, accounts: [home(5)] }

interface Streams {
  readonly stdout?: number
  readonly stderr?: number
}

function begin(
  world: World,
  args: readonly string[],
  streams: Streams,
  env: Readonly<Record<string, string>> = {},
) {
  return startProgram(args, { env: { ...world.env, ...env }, cwd: world.directory, ...streams })
}

mosquittoTest('a full disk under stderr loses log lines and no ids', async () => {
  await using world = await startWorld({ simulator: five })
  const observer = await world.observer()
  const stderr = openSync('/dev/full', 'w')
  await using daemon = begin(world, ['run'], { stderr }, fast)
  closeSync(stderr)

  await itemsSeen(observer, 15)
  const { code } = await daemon.stop()

  expect(code).toBe(0)
})

mosquittoTest('a reader of stderr that stops holds up neither ids nor the stop', async () => {
  await using world = await startWorld({ simulator: five })
  const observer = await world.observer()
  using fifo = openFifo()
  fifo.fill()
  await using daemon = begin(world, ['run'], { stderr: fifo.writer }, fast)

  await itemsSeen(observer, 15)
  const { code } = await daemon.stop()

  expect(code).toBe(0)
})

mosquittoTest('a stderr that is closed changes nothing', async () => {
  await using world = await startWorld({ simulator: five })
  const observer = await world.observer()
  using fifo = openFifo()
  fifo.closeReader()
  await using daemon = begin(world, ['run'], { stderr: fifo.writer }, fast)

  await itemsSeen(observer, 15)

  expect((await daemon.stop()).code).toBe(0)
})

mosquittoTest('once --json to a reader that has gone finishes the work and ends with 0', async () => {
  await using world = await startWorld({ simulator: five })
  const observer = await world.observer()
  await using once = world.start(['once', '--json'])

  await until('the first line', () => once.stdout().includes('\n'), { state: once.stderr })
  once.closeStdout()

  expect((await once.ended).code).toBe(0)
  expect(await itemsSeen(observer, 5)).toHaveLength(5)
})

mosquittoTest('once > /dev/full finishes the work and ends with 74', async () => {
  await using world = await startWorld({ simulator: five })
  const observer = await world.observer()
  const stdout = openSync('/dev/full', 'w')
  await using once = begin(world, ['once', '--json'], { stdout })
  closeSync(stdout)

  const { code, stderr } = await once.finished()

  expect(code).toBe(74)
  expect(stderr).toContain('the result could not be written (ENOSPC)')
  expect(await itemsSeen(observer, 5)).toHaveLength(5)
})

test.each([
  '--help',
  '--version',
  'config',
  'discover',
  'discover --json',
])('%s to a full disk ends with 74', async (command) => {
  await using world = await startWorld({ simulator: five, broker: false })
  const stdout = openSync('/dev/full', 'w')
  await using program = begin(world, command.split(' '), { stdout })
  closeSync(stdout)

  expect((await program.finished()).code).toBe(74)
})

test('a reader that never reads its result does not keep a stop waiting', async () => {
  await using world = await startWorld({ simulator: five, broker: false })
  using fifo = openFifo()
  fifo.fill()
  await using program = begin(world, ['discover'], { stdout: fifo.writer })
  await until('the list to be asked for', () => requestCount(world.cloud, 'homescreen') > 0)

  const { code } = await program.stop()

  expect(code).toBe(0)
})
