/**
 * One question to a person at a terminal.
 *
 * Node's own readline with its echo held back: a password passes through no more hands than it must, and every key
 * of line editing works. What is typed unseen is in no history.
 */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Terminal } from '../terminal.ts'

/** The person has pressed Ctrl-C or Ctrl-D. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/**
 * What the person types.
 *
 * @throws Interrupted at Ctrl-C, at Ctrl-D, and when the program is asked to stop
 */
export async function ask(
  { input, err, stop }: Terminal,
  question: string,
  { hidden = false } = {},
): Promise<string> {
  if (!input) throw new Error('there is no terminal to ask at')
  // Readline draws its line anew, question and all; unseen it draws nothing.
  if (hidden) err(question)
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!hidden) process.stderr.write(chunk)
      done()
    },
  })
  const over = new AbortController()
  const lines = createInterface({ input: input.stream, output: echo, terminal: true, historySize: 0 })
  const interrupt = () => over.abort(new Interrupted('interrupted'))
  lines.once('SIGINT', interrupt)
  lines.once('close', interrupt)
  stop.addEventListener('abort', interrupt, { once: true })
  if (stop.aborted) interrupt()
  try {
    const typed = await lines.question(question, { signal: over.signal })
    if (hidden) err('\n')
    return typed
  } catch (error) {
    if (!over.signal.aborted) throw error
    // A line that is shown is ended by readline.
    if (hidden) err('\n')
    throw over.signal.reason as Interrupted
  } finally {
    stop.removeEventListener('abort', interrupt)
    lines.close()
  }
}
