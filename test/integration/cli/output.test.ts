/** Standard streams: what is written at once, what waits, and what is given up. */
import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Output } from '../../../src/cli/output.ts'
import { openFifo } from '../../support/fifo.ts'
import { until } from '../../support/until.ts'

const log = { mostWaiting: 5_000, stubborn: true }
const results = { mostWaiting: Number.POSITIVE_INFINITY, stubborn: false }
const never = new AbortController().signal

function lines(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${String(at).padStart(99, '.')}\n`)
}

test('a line is in the pipe when write returns', () => {
  using fifo = openFifo()

  new Output(fifo.writer, log).write('a line\n')

  expect(fifo.read()).toBe('a line\n')
})

test('beyond the bound log lines are dropped, and counted when it flows again', async () => {
  using fifo = openFifo()
  const output = new Output(fifo.writer, log)
  output.flowing = (dropped) => output.write(`dropped ${dropped}\n`)
  fifo.fill()

  const sent = lines(70)
  for (const line of sent) output.write(line)
  fifo.read()
  let read = ''
  await until('the count', () => {
    read += fifo.read()
    return read.includes('dropped')
  })

  // Those within the bound are whole and in their order; then the count.
  expect(read).toBe(`${sent.slice(0, 50).join('')}dropped 20\n`)
})

test('a result waits for a slow reader, all of it', async () => {
  using fifo = openFifo()
  const output = new Output(fifo.writer, results)
  const text = lines(20_000).join('')

  output.write(text)
  let read = ''
  const flushed = output.flushed(never)
  await until('all of it', () => {
    read += fifo.read()
    return read.length === text.length
  })
  await flushed

  expect(read).toBe(text)
  expect(output.failure).toBeUndefined()
})

test('nobody waits for a reader that never reads longer than the limit', async () => {
  using fifo = openFifo()
  const output = new Output(fifo.writer, results)
  fifo.fill()
  output.write('a line\n')

  await output.flushed(AbortSignal.timeout(20))

  expect(fifo.read()).not.toContain('a line')
})

test('a reader that has gone is no failure, and nothing is kept for it', async () => {
  using fifo = openFifo()
  const output = new Output(fifo.writer, results)

  fifo.closeReader()
  output.write('a line\n')
  output.write('another\n')
  await output.flushed(never)

  expect(output.closed.aborted).toBe(true)
  expect(output.failure).toBeUndefined()
})

test('a full disk fails a result; a log goes on and drops what finds no room', async () => {
  const full = openSync('/dev/full', 'w')
  const [result, logged] = [new Output(full, results), new Output(full, log)]

  result.write('a line\n')
  for (const line of lines(100)) logged.write(line)
  await logged.flushed(never)

  expect(result.failure).toBe('ENOSPC')
  expect(logged.failure).toBeUndefined()
  closeSync(full)
})
