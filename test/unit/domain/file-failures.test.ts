/** The table of the file system's error codes. */
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { exitCodeOf, sentencesOf } from '../../../src/cli/exit.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { errorCode, fileFailed } from '../../../src/domain/file-failures.ts'

/** As Node throws it: without a name for some codes. */
function systemError(name: keyof typeof constants.errno, code: string = name): Error {
  return Object.assign(new Error(code), { code, errno: -constants.errno[name] })
}

const sentences = new Map([
  ['EACCES', ['This user lacks the permission', 78]],
  ['EPERM', ['The system does not permit it to this user', 78]],
  ['EROFS', ['The file system is read-only', 78]],
  ['EISDIR', ['It is a directory, not a file', 78]],
  ['ENOTDIR', ['Something on the way is a file and no directory', 78]],
  ['ELOOP', ['Its symbolic links go round in a circle', 78]],
  ['ENOSPC', ['The disk is full', 75]],
  ['EDQUOT', ['The disk quota of this user is used up', 75]],
  ['EIO', ['The disk fails', 75]],
  ['ESTALE', ['The network share has lost the file', 75]],
] as const)

test.each([...sentences])('%s has a sentence, a remedy and an exit code of its own', (name, [
  sentence,
  code,
]) => {
  const error = fileFailed('cannot write /data/install.json', systemError(name))

  expect(exitCodeOf(error)).toBe(code)
  expect(sentencesOf(error)).toMatch(
    new RegExp(`^blink-manifestd: cannot write /data/install.json\n${sentence}: .+\\.\n$`),
  )
})

test.each(['ESTALE', 'EDQUOT'] as const)('%s is recognised though Node has no name for it', (name) => {
  const error = systemError(name, `Unknown system error -${constants.errno[name]}`)

  expect(errorCode(error)).toBe(name)
})

test('a code that is not in the table is named', () => {
  const error = fileFailed('cannot write /data', systemError('EDOM'))

  expect(sentencesOf(error)).toContain('The system says EDOM: look at the system log.')
  expect(exitCodeOf(error)).toBe(75)
})

test('an error that is not of the file system stays a bug', () => {
  const bug = new TypeError('x is not a function')

  expect(fileFailed('cannot write /data', bug)).toBe(bug)
  expect(fileFailed('cannot write /data', bug)).not.toBeInstanceOf(StoreFailed)
})
