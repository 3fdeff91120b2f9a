import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BodyCode, HttpStatus } from '../../../src/blink/response-codes.ts'
import { cloudAnswersTable } from '../../support/cloud-answers-table.ts'

const docs = readFileSync(new URL('../../../docs/cloud-answers.md', import.meta.url), 'utf8')

test('the docs tell of every answer of the cloud what the code makes of it, row by row', () => {
  const table = /<!-- answers -->\n([\s\S]*?)\n<!-- \/answers -->/.exec(docs)?.[1]

  expect(table?.split('\n')).toEqual(cloudAnswersTable().split('\n'))
})

test('a body code cannot be taken for a status, nor a status for a body code', () => {
  const code: BodyCode = 402
  const status: HttpStatus = 402

  // @ts-expect-error they are different things
  const wrong: HttpStatus = code
  // @ts-expect-error in both directions
  const wrongToo: BodyCode = status

  expect([wrong, wrongToo]).toEqual([402, 402])
})
