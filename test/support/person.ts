/** A person without a terminal: what they would type is in files. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { requestCount } from './homes.ts'
import type { Finished } from './program.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

/** No login but by `login`. */
export const noTokens = { BLINK_TOKENS: '' }

interface PersonInFiles {
  /** Address and password; the code if one is given. */
  signIn(code?: string, more?: readonly string[]): Promise<Finished>
  /** The code alone, in a later run. */
  enter(code?: string): Promise<Finished>
}

export function personIn(
  world: Pick<World, 'cloud' | 'directory' | 'finish'>,
  person: ReturnType<Simulator['person']> = world.cloud.person(),
): PersonInFiles {
  const file = (name: string, text: string) => {
    const path = join(world.directory, `${name}-${person.accountId}`)
    writeFileSync(path, `${text}\n`, { mode: 0o600 })
    return path
  }
  const { email } = person
  const login = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    world.finish(['login', ...args], { ...noTokens, ...env })
  return {
    signIn: (code, more = []) =>
      login(
        [
          ...['--password-file', file('password', person.password)],
          ...(code === undefined ? [] : ['--code-file', file('code', code)]),
          ...more,
        ],
        { BLINK_EMAIL: email },
      ),
    enter: (code = person.code) => login(['--code-file', file('code', code)]),
  }
}

/** Signs in with password and code in one go. */
export async function signedIn(world: World, accountId?: number): Promise<void> {
  const person = world.cloud.person(accountId)
  const { code, stderr } = await personIn(world, person).signIn(person.code)
  if (code !== 0) throw new Error(`cannot sign in: ${stderr}`)
}

/** The texts of the login files, by name. */
export function loginFiles({ dataDir }: World): ReadonlyMap<string, string> {
  const directory = join(dataDir, 'logins')
  const names = readdirSync(directory).filter((name) => name.endsWith('.login.json'))
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]))
}

/** Kills a sign-in when its tokens have come and are not tried yet. */
export async function killedAtTheEnd(world: World): Promise<void> {
  await personIn(world).signIn()
  const codeFile = join(world.directory, 'code')
  writeFileSync(codeFile, world.cloud.person().code)
  world.cloud.misbehave({ kind: 'hang', path: '/tier_info' })
  const login = world.start(['login', '--code-file', codeFile], noTokens)
  await until('the last step', () => requestCount(world.cloud, 'tier-info') === 1, { state: login.stderr })
  await login.stop('SIGKILL')
  world.cloud.calm()
}
