/** The figures of the benches beside speed, without their processes: flatness, pipeline, wire, idle, sizes. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCountingProxy } from '../../bench/counting-proxy.ts'
import { cronEvery, flatnessCells, plansUpTo, type Sized, sizedCells, timesOf } from '../../bench/flatness.ts'
import { modulesIn } from '../../bench/fleet.ts'
import { halfADayAway, percent } from '../../bench/idle.ts'
import { cpuMsOfTimes } from '../../bench/pipeline.ts'
import { sizeCells, sizeOf } from '../../bench/sizes.ts'
import { wireCells } from '../../bench/wire.ts'

test("the processor time of a pipeline is the shell's and its children's", () => {
  expect(cpuMsOfTimes('0m0.002s 0m0.001s\n1m0.160s 0m0.080s\n')).toBeCloseTo(60_243)
  expect(cpuMsOfTimes('0m0.000000s 0m0.010000s\n0m0.160000s 0m0.080000s\n')).toBeCloseTo(250)
  expect(() => cpuMsOfTimes('')).toThrow('not what')
})

test('the run of an idle daemon is twelve hours from now, over midnight too', () => {
  expect(halfADayAway(new Date('2026-01-05T03:59:00Z'))).toBe('0 15 * * *')
  expect(halfADayAway(new Date('2026-01-05T15:00:00Z'))).toBe('0 3 * * *')
})

test('one second of processor time in ten minutes is a sixth of a per cent', () => {
  expect(percent({ name: 'daemon', cpuMs: 1_000, wallMs: 600_000 })).toBeCloseTo(0.1667)
})

test('the size of a directory is that of all files below it, and a link weighs nothing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sizes-'))
  try {
    mkdirSync(join(directory, 'a/b'), { recursive: true })
    writeFileSync(join(directory, 'one'), 'x'.repeat(1_000))
    writeFileSync(join(directory, 'a/b/two'), 'x'.repeat(500))
    symlinkSync('one', join(directory, 'link'))

    expect(sizeOf(directory)).toEqual({ files: 2, bytes: 1_500 })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('sizes are in megabytes, and seconds are given only of what was installed', () => {
  expect(sizeCells('dist/', { files: 360, bytes: 1_249_000 })).toEqual(['dist/', '1.2', '360', ''])
  expect(sizeCells('all', { files: 1, bytes: 21_000_000 }, 5.25)).toEqual(['all', '21.0', '1', '5.3'])
})

test('fleets grow to the size of the option, and small ones have many laps', () => {
  const sizes = (most: number) => plansUpTo(most, 5).map(({ fleet }) => modulesIn(fleet))

  expect(sizes(10_000)).toEqual([1, 100, 10_000])
  expect(sizes(100_000)).toEqual([1, 100, 10_000, 100_000])
  expect(plansUpTo(100_000, 5).map(({ laps }) => laps)).toEqual([40, 40, 5, 3])
})

test('what a process takes for being there is not counted for its modules', () => {
  const own = [{ ms: 1_000, windowMs: 3_000, cpuMs: 120, idleCpuMs: 0 }]
  const others = [{ ms: 500, windowMs: 2_000, cpuMs: 70, idleCpuMs: 20 }]

  expect(timesOf(own, others, 100)).toEqual({ wallUs: [10_000], cpuUs: [1_000] })
})

test('fleets are flat by their medians, slowest by fastest', () => {
  const times = (wallUs: number, cpuUs: number) => ({ wallUs: [wallUs], cpuUs: [cpuUs] })
  const sized = (modules: number, wallUs: number): Sized => ({
    modules,
    daemon: times(wallUs, 800),
    bare: times(200, 250),
  })

  expect(flatnessCells([sized(100, 480), sized(10_000, 400)]).slice(2)).toEqual([
    '1.20',
    '1.00',
    '',
    '1.00',
    '1.00',
    '',
  ])
  expect(sizedCells(sized(100, 480))).toEqual(['100', '1', '480', '200', '2.40', '800', '250', '3.20'])
  expect(flatnessCells([sized(100, 480)])).toHaveLength(8)
})

test('a run comes every so many seconds or minutes', () => {
  expect(cronEvery(20)).toBe('*/20 * * * * *')
  expect(cronEvery(180)).toBe('0 */3 * * * *')
})

test('bytes on the wire are given for each module, and together', () => {
  const traffic = {
    cloud: { sent: 3_000, received: 6_000 },
    broker: { sent: 8_000, received: 50 },
    messages: 10,
  }

  expect(wireCells(traffic, 10)).toEqual(['300', '600', '800', '5', '1705', '1.00'])
})

test('a proxy counts what goes each way, and hands on every byte', async () => {
  await using stack = new AsyncDisposableStack()
  const server = createServer((socket) => socket.once('data', () => socket.end('four'))).listen(
    0,
    '127.0.0.1',
  )
  stack.defer(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const proxy = stack.use(await startCountingProxy(port))

  const client = connect(proxy.port, '127.0.0.1')
  client.write('question')
  const answer = await Array.fromAsync(client)

  expect(Buffer.concat(answer).toString()).toBe('four')
  expect(proxy.traffic()).toEqual({ sent: 8, received: 4 })
})
