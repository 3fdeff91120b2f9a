/** A daemon that is killed at any moment, stopped in its tracks, and given a damaged database. */
import { closeSync, cpSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { connectAsync } from 'mqtt'
import { expect } from 'vitest'
import { document, fast, home, itemsSeen, requestCount, type WorkItem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }
const kills = 15

/** What lies in the outbox of a killed daemon, read from a copy; the copy's database must be in order. */
function leftBehind({ directory, dataDir }: World, copy: string): readonly string[] {
  const path = join(directory, copy)
  cpSync(dataDir, path, { recursive: true })
  const database = new DatabaseSync(join(path, 'state.db'))
  try {
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    return database
      .prepare(
        "SELECT json_extract(body, '$.eventId') AS event_id FROM events JOIN outbox USING (seq) ORDER BY seq",
      )
      .all()
      .map(({ event_id }) => String(event_id))
  } finally {
    database.close()
  }
}

/** A subscriber whose session the broker keeps, as a poller's would be. */
async function poller(world: World) {
  const got: WorkItem[] = []
  const client = await connectAsync(world.broker.url, {
    protocolVersion: 5,
    clientId: 'poller',
    clean: false,
    properties: { sessionExpiryInterval: 3_600 },
  })
  client.on('message', (_topic, payload) => got.push(JSON.parse(payload.toString()) as WorkItem))
  await client.subscribeAsync('blink-manifestd/sync/+/+/+/manifest/requested', { qos: 1 })
  return { got, [Symbol.asyncDispose]: () => client.endAsync(true) }
}

/** How long it takes on this machine, now, from the first line of the log to the end of the first run. */
async function aRun(world: World): Promise<number> {
  const daemon = world.start(['run'], fast)
  await daemon.says('starting')
  const begun = performance.now()
  await daemon.says('run done')
  await daemon.stop('SIGKILL')
  return performance.now() - begun
}

mosquittoTest('killed fifteen times at random, every stored id is delivered in order', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(4)] } })
  await using subscriber = await poller(world)
  const moments = fc.sample(fc.double({ min: 0, max: 1.5, noNaN: true }), {
    numRuns: kills,
    seed: 20261123,
  })
  const stored = new Set<string>()
  const wholeMs = await aRun(world)

  for (const [life, moment] of moments.entries()) {
    const daemon = world.start(['run'], fast)
    await daemon.says('starting')
    const begun = performance.now()
    await until('the moment', () => performance.now() - begun >= moment * wholeMs)
    await daemon.stop('SIGKILL')
    expect(daemon.stderr()).not.toContain('damaged')
    if (existsSync(join(world.dataDir, 'state.db'))) {
      for (const id of leftBehind(world, `copy-${life}`)) stored.add(id)
    }
  }
  const last = world.start(['run'], { SCHEDULE_ON_START: 'false' })
  const delivered = () => new Set(subscriber.got.map(({ event_id }) => event_id))
  await until('all that was stored', () => [...stored].every((id) => delivered().has(id)), {
    state: last.stderr,
  })

  const first = [...new Map(subscriber.got.toReversed().map((item) => [item.event_id, item])).values()]
  for (const module of [1, 2, 3, 4].map((number) => 350_000 + number)) {
    const inOrder = subscriber.got
      .filter(({ sync_module_id }) => sync_module_id === module)
      .map(({ request_id }) => request_id)
    // Copies repeat what came before; without them the numbers only grow.
    expect([...new Set(inOrder)]).toEqual([...new Set(inOrder)].toSorted((a, b) => a - b))
  }
  expect(new Set(first.map(({ request_id }) => request_id)).size).toBe(first.length)
  // In each life at most the one answer in hand is lost.
  expect(requestCount(world.cloud, 'manifest-request') - delivered().size).toBeLessThanOrEqual(kills)
  expect(delivered().size).toBeGreaterThan(0)
})

mosquittoTest('a damaged database is quarantined; ids, credentials and client id are kept', async () => {
  await using world = await startWorld({ simulator: two })
  await world.broker.kill()
  const before = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *' })
  await before.says('run done')
  await before.stop()
  const install = readFileSync(join(world.dataDir, 'install.json'), 'utf8')
  // An index: the items themselves can still be read.
  const file = openSync(join(world.dataDir, 'state.db'), 'r+')
  writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, 3 * 4_096)
  closeSync(file)
  await world.broker.restart()
  const observer = await world.observer()

  const daemon = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *', SCHEDULE_ON_START: 'false' })

  expect(await daemon.says('database was damaged: quarantined and recovered')).toMatchObject({
    level: 50,
    events: 2,
    remedy: expect.any(String),
  })
  const items = await itemsSeen(observer, 2, daemon.stderr)
  expect(items.map(({ request_id }) => request_id)).toEqual([670_000_001, 670_000_002])
  expect(readdirSync(world.dataDir)).toContainEqual('state.db.damaged')
  expect(readFileSync(join(world.dataDir, 'install.json'), 'utf8')).toBe(install)
  expect((await daemon.stop()).code).toBe(0)

  const again = world.start(['run'], { ...fast })
  await itemsSeen(observer, 4, again.stderr)
  expect(again.stderr()).not.toContain('damaged')
})

mosquittoTest('halted for five seconds, the daemon logs it and goes on without a burst', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  await itemsSeen(observer, 2, daemon.stderr)
  const info = () => document(observer.latest('blink-manifestd/bridge/info') ?? '{}').next_tick_at

  daemon.kill('SIGSTOP')
  const stoppedAt = performance.now()
  await until('five seconds', () => performance.now() - stoppedAt > 5_000)
  const ticksBefore = daemon.logged().filter(({ msg }) => msg === 'run done').length
  daemon.kill('SIGCONT')
  // Between two looks at the clocks, or at the missed runs after a look that was long under way.
  const words = [
    'the program stood still: the machine slept or was too busy',
    'runs missed: the machine was too busy',
  ]
  await until('a word on it', () => daemon.logged().some(({ msg }) => words.includes(String(msg))), {
    state: daemon.stderr,
  })

  await daemon.says('run done', ticksBefore + 3)
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done')
  expect(new Set(ticks.map(({ run }) => run)).size).toBe(ticks.length)
  await until('the next run', () => Date.parse(String(info())) > Date.now() - 2_000)
})
