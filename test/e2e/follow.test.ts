import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { document, fast, home, requestCount, stem, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { noTokens, signedIn } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1), home(1, { id: 8022, region: 'u011' })] }
const rarely = { SCHEDULE_CRON: '0 0 1 1 *', ...noTokens }
const stateOf = (account: number) => `blink-manifestd/account/${account}/state`

mosquittoTest('without credentials the first manifest is requested right after a sign-in', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], rarely)
  await daemon.says('started')

  await signedIn(world)

  await until('the first request ID', () => workItems(observer).length === 1, { state: daemon.stderr })
  await until('ok', () => observer.latest(stateOf(8021))?.includes('"state":"ok"'))
  expect(requestCount(world.cloud, 'manifest-request')).toBe(1)
  expect((await daemon.stop()).code).toBe(0)
})

mosquittoTest('a token that was withdrawn is replaced by a sign-in while the daemon runs', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  await signedIn(world)
  world.cloud.revoke(8021)
  const daemon = world.start(['run'], { ...fast, ...noTokens })
  await until('login_required', () => observer.latest(stateOf(8021))?.includes('login_required'), {
    state: daemon.stderr,
  })
  expect(observer.latest(`${stem(1)}/request_id`)).toBeUndefined()

  const person = world.cloud.person()
  world.cloud.allowAnotherCode(person.accountId)
  await signedIn(world)

  await until('a request ID', () => workItems(observer).length > 0, { state: daemon.stderr })
  await until('ok', () => observer.latest(stateOf(8021))?.includes('"state":"ok"'))
  expect(document(observer.latest(stateOf(8021)))).toMatchObject({ detail: null })
  expect(daemon.logged().filter(({ level }) => level === 50)).toHaveLength(1)
})

mosquittoTest('a cloud that wants a code is a state, requested once, and ended by a sign-in', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  await signedIn(world)
  world.cloud.wantCode(8021)
  const codesBefore = world.cloud.codesSent(8021)
  const daemon = world.start(['run'], { ...fast, ...noTokens })
  await until('the state', () => observer.latest(stateOf(8021))?.includes('two_factor_required'), {
    state: daemon.stderr,
  })
  await daemon.says('run done', 3)

  expect(document(observer.latest(stateOf(8021)))).toMatchObject({
    detail: expect.stringMatching(/a code.*login/),
  })
  expect(world.cloud.codesSent(8021)).toBe(codesBefore + 1)
  const listed = await world.finish(['accounts', '--json'], noTokens)
  expect(document(listed.stdout)).toMatchObject({ state: 'two_factor_required' })
  expect((await daemon.stop()).code).toBe(0)
  expect((await world.finish(['discover'], noTokens)).code).toBe(77)
  expect((await world.finish(['once'], noTokens)).code).toBe(77)

  const again = world.start(['run'], { ...fast, ...noTokens })
  await again.says('run done', 2)
  expect(world.cloud.codesSent(8021)).toBe(codesBefore + 1)
  expect(document(observer.latest(stateOf(8021)))).toMatchObject({ state: 'two_factor_required' })

  world.cloud.allowAnotherCode(8021)
  await signedIn(world)
  await until('a request ID', () => workItems(observer).length > 0, { state: again.stderr })
  await until('ok', () => observer.latest(stateOf(8021))?.includes('"state":"ok"'))
  expect(document(observer.latest(stateOf(8021)))).toMatchObject({ detail: null })
})

mosquittoTest('two accounts live in one daemon, and a logout clears the topics of one', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  await signedIn(world)
  const daemon = world.start(['run'], rarely)
  await until('the first', () => observer.latest(`${stem(1)}/request_id`), { state: daemon.stderr })
  await signedIn(world, 8022)
  await until('the second', () => observer.latest(`${stem(1, 8022)}/request_id`), { state: daemon.stderr })

  expect((await world.finish(['logout', '8021'], noTokens)).code).toBe(0)

  const gone = [
    stateOf(8021),
    ...['availability', 'state', 'request_id', 'info'].map((name) => `${stem(1)}/${name}`),
  ]
  await until('cleared topics', () => gone.every((topic) => observer.latest(topic) === ''), {
    state: () => JSON.stringify(gone.map((topic) => [topic, observer.latest(topic)])) + daemon.stderr(),
  })
  const devices = (account: number) =>
    observer.seen.filter(({ topic }) => topic.startsWith('homeassistant/') && topic.includes(`_${account}_`))
  await until('no device left in Home Assistant', () => devices(8021).at(-1)?.payload === '', {
    state: daemon.stderr,
  })
  await until('the device of the other', () => devices(8022).at(-1)?.payload.includes('"device"'), {
    state: daemon.stderr,
  })
  expect(document(observer.latest(stateOf(8022)))).toMatchObject({ state: 'ok' })
  expect(observer.latest(`${stem(1, 8022)}/availability`)).toBe('online')
})

mosquittoTest('topics of an account logged out without a daemon are cleared at the start', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  await signedIn(world)
  await world.finish(['once'], noTokens)
  await until('its state', () => observer.latest(stateOf(8021)), {})
  await world.finish(['logout', '8021'], noTokens)

  const daemon = world.start(['run'], rarely)

  await until('cleared topics', () => observer.latest(stateOf(8021)) === '', { state: daemon.stderr })
  await until('cleared modules', () => observer.latest(`${stem(1)}/availability`) === '', {})
})

mosquittoTest(
  'a login file that a power cut emptied costs its account a sign-in, and no other account',
  async () => {
    await using world = await startWorld({ simulator })
    const observer = await world.observer()
    await signedIn(world)
    await signedIn(world, 8022)
    const before = world.start(['run'], { ...fast, ...noTokens })
    await until('both', () => new Set(workItems(observer).map(accountOf)).size === 2, {
      state: before.stderr,
    })
    await before.stop()
    const directory = join(world.dataDir, 'logins')
    const names = readdirSync(directory).filter((name) => name.endsWith('.login.json'))
    const emptied = names.find((name) => readFileSync(join(directory, name), 'utf8').includes('8021'))
    writeFileSync(join(directory, emptied ?? expect.fail()), '\0'.repeat(400))

    const daemon = world.start(['run'], { ...fast, ...noTokens })
    await until('login_required', () => observer.latest(stateOf(8021))?.includes('login_required'), {
      state: daemon.stderr,
    })
    const seen = workItems(observer).length
    await until('two more request IDs', () => workItems(observer).length >= seen + 2, {
      state: daemon.stderr,
    })
    expect(new Set(workItems(observer).slice(seen).map(accountOf))).toEqual(new Set([8022]))
    expect(document(observer.latest(stateOf(8021)))).toMatchObject({
      detail: expect.stringContaining('is damaged and was quarantined'),
    })
    expect(daemon.stderr()).not.toContain('this is a bug')

    world.cloud.allowAnotherCode(world.cloud.person().accountId)
    await signedIn(world)
    await until('the account to work again', () => observer.latest(stateOf(8021))?.includes('"ok"'), {
      state: daemon.stderr,
    })
    expect(readdirSync(directory).filter((name) => name.includes('damaged'))).toEqual([])
  },
)

const accountOf = (item: object) => ('account_id' in item ? item.account_id : undefined)
