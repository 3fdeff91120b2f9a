/** A named pipe whose reader does only what the test says. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Fifo extends Disposable {
  /** To write to, without blocking. */
  readonly writer: number
  /** Fills it, so that it takes nothing more. */
  fill(): void
  /** Reads what there is at the moment. */
  read(): string
  /** The reader goes away. */
  closeReader(): void
}

export function openFifo(): Fifo {
  const directory = mkdtempSync(join(tmpdir(), 'fifo-'))
  const path = join(directory, 'fifo')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  let open = true
  const closeReader = () => {
    if (open) closeSync(reader)
    open = false
  }
  return {
    writer,
    fill: () => untilRefused(() => writeSync(writer, `${'x'.repeat(1_023)}\n`)),
    read() {
      let text = ''
      const bytes = Buffer.alloc(64 * 1024)
      untilRefused(() => {
        const count = readSync(reader, bytes)
        text += bytes.toString('utf8', 0, count)
        return count
      })
      return text
    },
    closeReader,
    [Symbol.dispose]() {
      closeReader()
      closeSync(writer)
      rmSync(directory, { recursive: true })
    },
  }
}

/** Until nothing is left to do: the pipe is full, or empty. */
function untilRefused(work: () => number): void {
  try {
    while (work() > 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
  }
}
