/** A sign-in whose last step Blink answers with "ask less": the login is kept, and so is the pause. */
import { expect, test } from 'vitest'
import { home } from '../support/homes.ts'
import { loginFiles, noTokens, personIn } from '../support/person.ts'
import { startWorld } from '../support/world.ts'

test.each([
  ['at the edge', { kind: 'edge' }],
  ['by a named pause', { kind: 'status', status: 429, headers: { 'Retry-After': '900' } }],
] as const)('a login is kept with its pause when the look for its account is refused %s', async (_, fault) => {
  await using world = await startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person: {} }] },
  })
  world.cloud.misbehave({ ...fault, path: '/tier_info', count: 1 })

  const kept = await personIn(world).signIn(world.cloud.person().code)
  expect(kept).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('wants a pause of this account until'),
  })
  expect(kept.stdout).not.toContain('with its first run')
  expect(loginFiles(world).size).toBe(1)

  const callsBefore = world.cloud.calls.length
  expect((await world.finish(['discover'], noTokens)).code).toBe(75)
  expect(world.cloud.calls.length).toBe(callsBefore)
})
