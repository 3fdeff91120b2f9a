import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { takeRoster } from '../../../src/accounts/credentials.ts'
import { parseTokenLines } from '../../../src/blink/credentials-file.ts'
import { openLogins } from '../../../src/storage/credentials.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'

async function place() {
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-forgotten-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return openLogins(directory)
}

test('a forgotten login is gone, and who still holds it cannot bring it back', async () => {
  const logins = await place()
  const login = someCredentials({ key: 'login-1' })
  await logins.save(login)
  await logins.saveBreaker('login-1', { failures: 1, openUntil: 5 })

  await logins.forget('login-1')
  await logins.save(login)
  await logins.saveBreaker('login-1', { failures: 1, openUntil: 5 })
  await logins.saveSpent('login-1', { day: 1, requests: 2, limit: 3 })
  await logins.saveModuleCount('login-1', 4)

  expect(await logins.list()).toEqual([])
  expect(readdirSync(logins.directory)).toEqual(['login-1.forgotten'])
  expect(await logins.forgotten()).toEqual(new Set(['login-1']))
})

test('a login of the environment that was given up stays so until its text changes', async () => {
  const logins = await place()
  const lines = (text: string) => parseTokenLines(text).logins
  const before = 'refresh_token=a|account_id=1'
  const [taken] = await takeRoster(logins, lines(before), listLog())

  await logins.forget(taken?.key ?? '')
  const log = listLog()

  expect(await takeRoster(logins, lines(before), log)).toEqual([])
  expect(log.lines).toEqual([expect.stringContaining('was given up')])
  expect(await takeRoster(logins, lines('refresh_token=b|account_id=1'), log)).toHaveLength(1)
})
