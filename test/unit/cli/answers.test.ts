/** Prompts of `login`, at a terminal that is a stream. */
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { answersFrom } from '../../../src/cli/login/answers.ts'

/** A terminal at which a person types `answer` as soon as a prompt is there. */
function terminalOf(answer: string) {
  let isRaw = false
  const shown: { readonly text: string; readonly isRaw: boolean }[] = []
  const stream = Object.assign(new PassThrough(), {
    setRawMode(mode: boolean) {
      isRaw = mode
    },
  })
  const terminal = {
    ...{ env: {}, cwd: '/', out: () => undefined, log: { write: () => undefined, flowing: undefined } },
    ...{ outClosed: new AbortController().signal, stop: new AbortController().signal },
    ...{ outIsTerminal: true, errIsTerminal: true, input: { stream, isTerminal: true } },
    err(text: string) {
      shown.push({ text, isRaw })
      if (text.startsWith('Password')) setImmediate(() => stream.write(`${answer}\r`))
    },
  }
  return { terminal, shown }
}

test('the password is prompted for once the terminal echoes nothing', async () => {
  const { terminal, shown } = terminalOf('correct horse')

  const password = await answersFrom(terminal, {}).password()

  expect(password.reveal()).toBe('correct horse')
  expect(shown[0]).toMatchObject({ text: expect.stringMatching(/^Password/), isRaw: true })
})
