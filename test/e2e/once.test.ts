import { expect } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import { home, itemsSeen, manifestPath, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { startWorld } from '../support/world.ts'

/** What `once --json` says, by sync module. */
function outcomes(stdout: string): Readonly<Record<string, Record<string, unknown>>> {
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return Object.fromEntries(lines.map((line) => [String(line.sync_module_id), line]))
}

function words(stdout: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(outcomes(stdout)).map(([id, { outcome }]) => [id, outcome]))
}

const three: SimulatorOptions = { manifestSeconds: 0, accounts: [home(3)] }

mosquittoTest('once --json writes one line for each module, and nothing else to stdout', async () => {
  await using world = await startWorld()

  const { code, stdout, stderr } = await world.finish(['once', '--json'])

  expect({ code, words: words(stdout) }).toEqual({
    // The attic's module is too old to say beforehand that it has no storage: it was asked, and that was its answer.
    code: 0,
    words: {
      350221: 'requested',
      350222: 'requested',
      350223: 'no_storage',
      350224: 'offline',
      350225: 'incompatible',
      350226: 'requested',
      350227: 'no_storage',
      350228: 'requested',
    },
  })
  expect(outcomes(stdout)[350221]).toMatchObject({
    account_id: 8021,
    network_id: 44107,
    name: 'Garage',
    network_name: 'Home',
    asked: true,
    attempts: 1,
    request_id: 670000001,
    request_id_str: '670000001',
    error: null,
    reason: null,
  })
  expect(outcomes(stdout)[350224]).toMatchObject({ asked: false, reason: 'offline', request_id: null })
  expect(outcomes(stdout)[350227]).toMatchObject({ asked: true, error: { body_code: 414 } })
  expect(stderr).toContain('"msg":"run done"')
})

mosquittoTest('once ends with 0 when every module that can answer has been requested', async () => {
  await using world = await startWorld({ simulator: three })
  const observer = await world.observer()

  const { code, stdout } = await world.finish(['once'], { LOG_LEVEL: 'warn', MODULES_EXCLUDE: '44003' })

  expect(code).toBe(0)
  expect(stdout).toMatch(/Account +Network +Sync module +Name +Outcome +Request ID +Detail/)
  expect(stdout).toMatch(/8021 +44001 +350001 +Module 1 +requested +670000001 +answered in \d+ ms/)
  expect(stdout).toMatch(/8021 +44003 +350003 +Module 3 +skipped +not requested: excluded/)
  await itemsSeen(observer, 2)
  // Topics of an earlier time, when it was not excluded, are cleared; and nothing is said in them.
  expect(observer.seen.filter(({ topic, payload }) => topic.includes('350003') && payload !== '')).toEqual([])
})

mosquittoTest('once says of each module in which way the cloud failed it, and ends with 75', async () => {
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [home(5)] },
  })
  const { cloud } = world
  cloud.misbehave({ kind: 'status', status: 500, body: {}, path: manifestPath(1) })
  cloud.misbehave({ kind: 'status', status: 404, body: { code: 401 }, path: manifestPath(2) })
  cloud.misbehave({ kind: 'reset_after', path: manifestPath(3) })
  cloud.misbehave({ kind: 'status', status: 400, body: { code: 402 }, path: manifestPath(4) })

  const { code, stdout } = await world.finish(['once', '--json'])

  expect({ code, words: words(stdout) }).toEqual({
    code: 75,
    words: { 350001: 'unknown', 350002: 'error', 350003: 'unknown', 350004: 'offline', 350005: 'requested' },
  })
  expect(requestCount(cloud, 'manifest-request')).toBe(5)
})

mosquittoTest('a busy module is requested again after a while', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  world.cloud.misbehave({ kind: 'busy', path: manifestPath(1), count: 1 })
  const once = world.start(['once', '--json'])
  const { code, stdout } = await once.finished()

  expect({ code, words: words(stdout) }).toEqual({
    code: 0,
    words: { 350001: 'requested', 350002: 'requested' },
  })
  expect(outcomes(stdout)[350001]).toMatchObject({ attempts: 2 })
})

mosquittoTest('a throttled account ends the run for all its modules; once ends with 75', async () => {
  await using world = await startWorld({ simulator: three })
  world.cloud.misbehave({ kind: 'edge', status: 406, path: manifestPath(1) })

  const { code, stdout } = await world.finish(['once', '--json'])

  const throttled = { 350001: 'throttled', 350002: 'throttled', 350003: 'throttled' }
  expect({ code, words: words(stdout) }).toEqual({ code: 75, words: throttled })
  expect(outcomes(stdout)[350002]).toMatchObject({ asked: false, error: { retry_at: expect.any(String) } })
  expect(requestCount(world.cloud, 'manifest-request')).toBe(1)
})

mosquittoTest('without a cloud, once reports each known module and ends with 75', async () => {
  await using world = await startWorld({ simulator: three })
  await world.finish(['once'])
  await world.cloud.close()

  const [known, fresh] = await Promise.all([
    world.finish(['once', '--json'], { LOG_LEVEL: 'warn' }),
    world.finish(['once', '--json'], {
      LOG_LEVEL: 'warn',
      BLINK_MANIFESTD_DATA_DIR: `${world.directory}/new`,
    }),
  ])

  const away = { 350001: 'unreachable', 350002: 'unreachable', 350003: 'unreachable' }
  expect({ code: known.code, words: words(known.stdout) }).toEqual({ code: 75, words: away })
  expect({ code: fresh.code, stdout: fresh.stdout }).toEqual({ code: 75, stdout: '' })
  expect(fresh.stderr).toMatch(/refused the connection/)
})

mosquittoTest(
  'a withdrawn login ends once and discover with 77, and says what a person must do',
  async () => {
    await using world = await startWorld({ simulator: three })
    world.cloud.revoke(8021)

    const once = await world.finish(['once'], { LOG_LEVEL: 'error' })
    const discover = await world.finish(['discover'], { LOG_LEVEL: 'error' })

    expect([once.code, discover.code]).toEqual([77, 77])
    expect(once.stderr).toMatch(/refresh token.*[Ss]ign in again/)
    expect(discover.stderr).toMatch(/8021.*[Ss]ign in again/)
    expect(requestCount(world.cloud, 'token')).toBe(1)
  },
)

mosquittoTest('two accounts are requested side by side, each with its own credentials', async () => {
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [home(2), home(1, { id: 8022, region: 'u011' })] },
  })
  const observer = await world.observer()
  world.cloud.revoke(8022)
  const BLINK_TOKENS = `${world.cloud.tokens(8021)}\n${world.cloud.tokens(8022)}`

  const { code, stdout } = await world.finish(['once', '--json'], { BLINK_TOKENS })

  // What a person must mend counts more than what went well.
  expect(code).toBe(77)
  expect(words(stdout)).toEqual({ 350001: 'requested', 350002: 'requested' })
  const items = await itemsSeen(observer, 2)
  expect(items.map(({ poll_url }) => poll_url.includes('/rest-e008/'))).toEqual([true, true])
})
