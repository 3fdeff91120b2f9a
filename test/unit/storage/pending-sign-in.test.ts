import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../../src/domain/secret.ts'
import { type AwaitsCode, openPending } from '../../../src/storage/pending-sign-in.ts'
import { someCredentials } from '../../support/blink-scripted.ts'

function place() {
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-pending-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return { store: openPending(directory), path: join(directory, 'pending-login.json') }
}

const awaitsCode: AwaitsCode = {
  step: 'code',
  emailHash: 'hash',
  hardwareId: 'X',
  cookies: new Map([['session', new Secret('cookie-value')]]),
  csrf: new Secret('csrf'),
  verifier: new Secret('verifier'),
  challenge: { phone: '+49xxxx', method: undefined, resendAfterMs: 60_000 },
  sentAt: 5,
}

test('a sign-in that waits for its code comes back as it was, secrets and all', async () => {
  const { store, path } = place()

  await store.save(awaitsCode)
  const read = await store.read()

  expect(read).toEqual(awaitsCode)
  expect(read?.step === 'code' && read.cookies.get('session')?.reveal()).toBe('cookie-value')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path, 'utf8')).not.toContain('[secret]')
})

test('so do a token that is not kept yet, a lock, and a sign-in without a code', async () => {
  const { store } = place()
  const kept = { step: 'keep', credentials: someCredentials({ region: undefined }) } as const

  await store.save(kept)
  const read = await store.read()
  expect(read).toEqual(kept)
  expect(read?.step === 'keep' && read.credentials.refreshToken.reveal()).toBe('refresh-0')
  await store.save({ step: 'locked', emailHash: 'hash', until: 7 })
  expect(await store.read()).toEqual({ step: 'locked', emailHash: 'hash', until: 7 })
  await store.save({ ...awaitsCode, challenge: undefined })
  expect(await store.read()).toEqual({ ...awaitsCode, challenge: undefined })
})

test('none, a removed one and a damaged one are all no sign-in', async () => {
  const { store, path } = place()
  expect(await store.read()).toBeUndefined()

  await store.save(awaitsCode)
  await store.remove()
  expect(await store.read()).toBeUndefined()
  writeFileSync(path, '{"step":"code"')
  expect(await store.read()).toBeUndefined()
})
