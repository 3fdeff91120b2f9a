/** What a sign-in and the daemon after it leave behind: not on disk, not in any output, however talkative. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fast, home } from '../support/homes.ts'
import { filesBelow, filesWith, formsOf } from '../support/kept.ts'
import { loginFiles, noTokens, personIn } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const person = { email: 'zoe+home@example.com', password: 'hush "hush" & 100% sure', code: 'QZ7Y4K2X' }
const talkative = {
  ...noTokens,
  LOG_LEVEL: 'trace',
  DEBUG: '*',
  NODE_DEBUG: 'undici,fetch,http,https,net,tls',
}

test('a sign-in leaves its refresh token in the credentials file and nothing else', async () => {
  await using world = await startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person }], accessTokenSeconds: 1 },
  })
  const secrets = [...Object.values(person), 'sim-access-', 'sim-code-']
  /** What of it all is on disk now; beside the login, only a sign-in under way may hold anything. */
  const leaks = () => {
    const files = filesBelow(world.dataDir)
    const found = secrets.flatMap((secret) => filesWith(files, secret).map((name) => `${secret} in ${name}`))
    return { found, refresh: filesWith(files, 'sim-refresh-') }
  }
  const zoe = personIn(world)
  const codeFile = join(world.directory, 'code')
  writeFileSync(codeFile, person.code)

  const outputs = [await zoe.signIn()]
  expect(leaks()).toEqual({ found: [], refresh: [] })
  outputs.push(await zoe.enter('000000'))
  expect(leaks()).toEqual({ found: [], refresh: [] })

  // Held right before the end, when the tokens have come.
  world.cloud.misbehave({ kind: 'hang', path: '/tier_info' })
  const login = world.start(['login', '--code-file', codeFile], talkative)
  await until('the last step', () => world.cloud.calls.some(({ kind }) => kind === 'tier-info'))
  expect(leaks()).toEqual({ found: [], refresh: ['pending-login.json'] })
  await login.stop('SIGKILL')
  world.cloud.calm()
  outputs.push(await login.finished(), await world.finish(['login'], talkative))
  const [name = ''] = loginFiles(world).keys()
  expect(leaks()).toEqual({ found: [], refresh: [`logins/${name}`] })

  const daemon = world.start(['run'], { ...talkative, ...fast })
  await daemon.says('run done', 3)
  // A renewed token is a draft for a moment.
  const running = await until('no draft', () => {
    const now = leaks()
    return now.refresh.length === 1 && now
  })
  expect(running).toEqual({ found: [], refresh: [`logins/${name}`] })
  await daemon.stop('SIGKILL')
  outputs.push(await daemon.finished(), await world.finish(['accounts'], talkative))
  const renewed = await world.finish(['login', '--import', join(world.directory, 'none')], talkative)
  outputs.push(renewed, await world.finish(['logout', '8021'], talkative))
  expect(leaks()).toEqual({ found: [], refresh: [] })

  const printed = outputs.map(({ stdout, stderr }) => stdout + stderr).join('\n')
  expect(printed.length).toBeGreaterThan(5_000)
  const shown = [...secrets, 'sim-refresh-', 'sim-csrf-'].filter((secret) =>
    formsOf(secret).some((form) => printed.includes(form)),
  )
  expect(shown).toEqual([])
})

test('the process list of a sign-in holds no secret and no address', async () => {
  await using world = await startWorld({ broker: false, simulator: { accounts: [{ ...home(1), person }] } })
  const passwordFile = join(world.directory, 'password')
  writeFileSync(passwordFile, person.password)
  world.cloud.misbehave({ kind: 'hang', path: '/oauth/v2/signin', method: 'POST' })
  const env = { ...noTokens, BLINK_EMAIL: person.email }
  const login = world.start(['login', '--password-file', passwordFile], env)
  await until('the sign-in', () => world.cloud.calls.some(({ kind }) => kind === 'signin'))

  const [list, environment] = ['cmdline', 'environ'].map((name) =>
    readFileSync(`/proc/${login.pid}/${name}`, 'latin1'),
  )
  expect(list).toContain(passwordFile)
  expect(list).not.toContain(person.email)
  // The environment is for the eyes of its owner.
  expect(environment).toContain(person.email)
  expect(formsOf(person.password).filter((form) => `${list}${environment}`.includes(form))).toEqual([])
})
