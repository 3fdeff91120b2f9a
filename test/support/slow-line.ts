/**
 * A slow line to a host with two addresses, of which the second leads nowhere: what a home without IPv6 has.
 *
 * The port's queue of connections is full, so the kernel lets the first SYN fall and takes the second, a second later.
 */
import dns from 'node:dns'
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { vi } from 'vitest'

export interface SlowLine extends AsyncDisposable {
  /** A host and port that takes a second to connect to, once. */
  readonly host: string
}

const both = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

const server = `const { parentPort, workerData } = require('node:worker_threads')
const server = require('node:net').createServer((socket) => {
  socket.on('error', () => undefined).once('data', () => socket.write(Buffer.from(workerData.answer, 'latin1')))
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(workerData.gate, 0, 0))
})`

/** A server that answers each connection with these bytes. */
export async function slowLine(answer: string): Promise<SlowLine> {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const open = () => {
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
  }
  const worker = new Worker(server, { eval: true, workerData: { gate, answer } })
  const [port] = (await once(worker, 'message')) as [number]
  const fillers: Socket[] = []
  for (let nth = 0; nth < 4; nth++) fillers.push(dial(port, '127.0.0.1').on('error', () => undefined))
  await Promise.all(fillers.slice(0, 2).map((socket) => once(socket, 'connect')))
  const names = vi.spyOn(dns, 'lookup').mockImplementation(((...[, , done]: unknown[]) => {
    process.nextTick(() => {
      ;(done as (error: null, found: typeof both) => void)(null, both)
      // By then the first SYN has fallen.
      setImmediate(open)
    })
  }) as typeof dns.lookup)
  return {
    host: `slow.invalid:${port}`,
    async [Symbol.asyncDispose]() {
      open()
      names.mockRestore()
      for (const socket of fillers) socket.destroy()
      await worker.terminate()
    },
  }
}
