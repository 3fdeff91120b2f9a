/** Signing in as a person does it: at a terminal, one question after another. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type AtTerminal, sitDown, terminalTest } from '../support/at-terminal.ts'
import { home, requestCount } from '../support/homes.ts'
import { filesBelow } from '../support/kept.ts'
import { loginFiles, noTokens } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const password = 'correct horse battery'
const codeQuestion = /Code \(or `new` for another one\): $/

function aWorld(person: object = {}): Promise<World> {
  const anna = { email: 'anna@example.com', password, code: '123456', ...person }
  return startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person: anna }] },
  })
}

const login = (world: World) => sitDown(world, ['login'], noTokens)

/** Answers the first two questions. */
async function upToCode(anna: AtTerminal): Promise<void> {
  await anna.sees(/E-mail address of your Blink account: $/)
  anna.type('anna@example.com')
  await anna.sees(/Password \(not shown, not kept\): $/)
  anna.type(password)
  await anna.sees(codeQuestion)
}

/** What is on disk but for the identity of the installation, which is no secret. */
const kept = ({ dataDir }: World) =>
  existsSync(dataDir) ? [...filesBelow(dataDir).keys()].filter((name) => name !== 'install.json') : []

terminalTest('a person is prompted for address, password and code; the password is hidden', async () => {
  await using world = await aWorld()
  await using anna = login(world)

  await upToCode(anna)
  anna.type('123456')

  expect(await anna.ended).toBe(0)
  expect(anna.screen()).toMatch(
    /anna@example\.com\n.*Password.*\nBlink has sent a code by sms to \+49xxxxxxx34\./,
  )
  expect(anna.screen()).toMatch(/: 123456\n+Signed in: account 8021 in region e008\./)
  expect(anna.screen()).not.toMatch(/correct|horse|battery/)
  expect(kept(world)).toEqual([...loginFiles(world).keys()].map((name) => `logins/${name}`))
  expect(world.cloud.codesSent(8021)).toBe(1)
})

terminalTest('a wrong code is prompted for again, without a new sign-in or another code', async () => {
  await using world = await aWorld()
  await using anna = login(world)

  await upToCode(anna)
  for (const wrong of ['000000', 'what?', '111 111']) {
    anna.type(wrong)
    await anna.sees(/not the code that was sent[\s\S]*Code.*: $/)
  }
  anna.type('123-456')

  expect(await anna.ended).toBe(0)
  expect([requestCount(world.cloud, 'signin'), world.cloud.codesSent(8021)]).toEqual([1, 1])
  // What cannot be a code is not shown to the cloud: each wrong one counts there.
  expect(requestCount(world.cloud, 'two-factor')).toBe(3)
})

terminalTest('no other code is sent before its time, and the first stays valid', async () => {
  await using world = await aWorld({ resendSeconds: 3_600 })
  await using anna = login(world)

  await upToCode(anna)
  anna.type('new')
  await anna.sees(/Not before \d\d:\d\d:\d\d\. The one sent is still good\.\n.*Code.*: $/)
  expect([requestCount(world.cloud, 'signin'), world.cloud.codesSent(8021)]).toEqual([1, 1])
  anna.type('123456')

  expect(await anna.ended).toBe(0)
})

terminalTest('another code is sent when wanted and due, and nothing is typed twice', async () => {
  await using world = await aWorld({ resendSeconds: 1 })
  await using anna = login(world)

  await upToCode(anna)
  while (world.cloud.codesSent(8021) === 1) {
    anna.type('new')
    await anna.sees(/(Not before|has sent)[\s\S]*Code.*: $/)
  }
  anna.type('123456')

  expect(await anna.ended).toBe(0)
  expect(world.cloud.codesSent(8021)).toBe(2)
  expect(anna.screen().match(/Password/g)).toHaveLength(1)
})

terminalTest('a password is not read from standard input where it would be shown', async () => {
  await using world = await aWorld()
  const env = { ...noTokens, BLINK_EMAIL: 'a@b.c' }
  await using anna = sitDown(world, ['login', '--password-file', '-'], env)

  expect(await anna.ended).toBe(64)
  expect(anna.screen()).toContain('standard input is a terminal: leave the option out')
})

terminalTest('a wrong password has a sentence of its own, and nothing is kept', async () => {
  await using world = await aWorld()
  await using anna = login(world)

  await anna.sees(/E-mail.*: $/)
  anna.type('anna@example.com')
  await anna.sees(/Password.*: $/)
  anna.type('wrong')

  expect(await anna.ended).toBe(77)
  expect(anna.screen()).toContain('does not accept this e-mail address and password')
  expect(kept(world)).toEqual([])
})

for (const key of ['c', 'd'] as const) {
  terminalTest(`control and ${key} at each question leave nothing half-written, and no login`, async () => {
    await using world = await aWorld()
    for (const questions of [0, 1]) {
      await using anna = login(world)
      await anna.sees(/E-mail.*: $/)
      if (questions === 1) {
        anna.type('anna@example.com')
        await anna.sees(/Password.*: $/)
      }
      anna.press(key)
      expect(await anna.ended).toBe(77)
      expect(anna.screen()).toMatch(/: \nStopped\. Nothing was kept\.\n$/)
      expect(kept(world)).toEqual([])
    }

    await using anna = login(world)
    await upToCode(anna)
    anna.press(key)
    expect(await anna.ended).toBe(77)
    expect(anna.screen()).toMatch(/: \nStopped\. `blink-manifestd login` goes on where this ended\.\n$/)
    expect(kept(world)).toEqual(['pending-login.json'])
    expect(readdirSync(join(world.dataDir, 'logins'))).toEqual([])
  })
}

terminalTest('control and c during a request ends it at once and leaves nothing', async () => {
  await using world = await aWorld()
  world.cloud.misbehave({ kind: 'hang', path: '/oauth/v2/signin', method: 'POST' })
  await using anna = login(world)
  await anna.sees(/E-mail.*: $/)
  anna.type('anna@example.com')
  await anna.sees(/Password.*: $/)
  anna.type(password)
  await until('the request', () => requestCount(world.cloud, 'signin') === 1, { state: anna.screen })

  anna.press('c')

  expect(await anna.ended).toBe(77)
  expect(anna.screen()).toContain('Stopped. Nothing was kept.')
  expect(kept(world)).toEqual([])
})

terminalTest('killed at the code prompt, the next login takes the same code', async () => {
  await using world = await aWorld()
  await using first = login(world)
  await upToCode(first)
  first.kill()
  await first.ended

  await using second = login(world)
  await second.sees(codeQuestion)
  expect(second.screen()).not.toContain('Password')
  second.type('123456')

  expect(await second.ended).toBe(0)
  expect([requestCount(world.cloud, 'signin'), world.cloud.codesSent(8021)]).toEqual([1, 1])
  expect(kept(world)).toEqual([...loginFiles(world).keys()].map((name) => `logins/${name}`))
})
