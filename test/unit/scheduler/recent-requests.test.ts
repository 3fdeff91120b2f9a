/** Runs at startup, scheduled runs, commands and restarts that come together: which modules are requested. */
import { expect, test } from 'vitest'
import { AccountThrottled, CloudRefused, StoreFailed } from '../../../src/domain/errors.ts'
import type { SyncModule } from '../../../src/domain/model.ts'
import type { FakeClock } from '../../support/fake-clock.ts'
import { fiveMinutes, hall, restartFixture } from '../../support/restarts.ts'
import { finish } from '../../support/scripted.ts'

const noMarks = { mark: async () => undefined, marked: async () => new Map() }
const refusal = new CloudRefused('manifest request: 400', { outcome: 'not-done', status: 400 })

/** How often each thing was requested in an hour of restarts, one every so many seconds. */
async function anHourOfRestarts(home: ReturnType<typeof restartFixture>, everySeconds: number) {
  const begun = home.clock.elapsed()
  while (home.clock.elapsed() - begun < 3_600_000) {
    const daemon = home.begin()
    void daemon.runner.run('start')
    await home.clock.advance(everySeconds * 1_000)
    daemon.kill()
  }
  return Object.fromEntries(
    ['list', 'Hall', 'Barn'].map((name) => [name, home.sent.filter((what) => what === name).length]),
  )
}

const until = (clock: FakeClock, moment: string) =>
  clock.advance(Date.parse(`2026-11-23T${moment}.000Z`) - clock.now())

test('a run seconds after the one at startup requests nothing and skips each module', async () => {
  const home = restartFixture()
  const daemon = home.begin()
  await until(home.clock, '09:04:57')
  expect(await daemon.run('start')).toEqual(['list', 'Hall', 'Barn'])

  await until(home.clock, '09:05:00')
  expect(await daemon.run('schedule')).toEqual([])
  expect(home.reported.slice(2)).toEqual(['Hall asked_recently', 'Barn asked_recently'])

  await until(home.clock, '09:10:00')
  expect(await daemon.run('schedule')).toEqual(['list', 'Hall', 'Barn'])
})

test('half a minute after the run at startup, and not before, a run requests again', async () => {
  const home = restartFixture({ modules: [hall] })
  const daemon = home.begin()
  await daemon.run('start')

  await home.clock.advance(29_999)
  expect(await daemon.run('schedule')).toEqual([])
  await home.clock.advance(1)
  expect(await daemon.run('schedule')).toEqual(['list', 'Hall'])
})

test('a run requests the modules that had no answer at startup, and not the others', async () => {
  const home = restartFixture()
  const daemon = home.begin()
  home.failing.set('Barn', refusal)
  await daemon.run('start')
  home.failing.clear()

  await home.clock.advance(3_000)

  expect(await daemon.run('schedule')).toEqual(['list', 'Barn'])
})

test('the run of a fleet that starts spares accounts that an instance has just requested', async () => {
  const home = restartFixture({ isShared: true })
  const instance = home.begin()
  await finish(instance.runner.runOne(instance.account), home.clock)
  await home.clock.advance(1_000)

  const run = instance.runner.runShared(
    instance.account,
    { trigger: 'start', at: home.clock.now() },
    { marks: noMarks },
  )
  await finish(run, home.clock)

  expect(home.sent).toEqual(['list', 'Hall', 'Barn'])
  expect(home.reported.slice(2)).toEqual(['Hall asked_recently', 'Barn asked_recently'])
})

test('a module requested by command is spared the next run, long after the start too', async () => {
  const home = restartFixture()
  const daemon = home.begin()
  await daemon.run('start')
  await home.clock.advance(fiveMinutes)
  const wants = ({ name }: SyncModule) => name === 'Hall'
  await daemon.runner.command([{ account: daemon.account, choose: async () => ({ list: false, wants }) }])

  await home.clock.advance(2_000)

  expect(await daemon.run('schedule')).toEqual(['list', 'Barn'])
})

test('scheduled requests spare no run, nor does anything on a fast schedule', async () => {
  const regular = restartFixture({ modules: [hall] }).begin()
  expect(await regular.run('schedule')).toEqual(['list', 'Hall'])
  expect(await regular.run('schedule')).toEqual(['list', 'Hall'])

  const fast = restartFixture({ modules: [hall], intervalMs: 10_000 }).begin()
  expect(await fast.run('start')).toEqual(['list', 'Hall'])
  expect(await fast.run('schedule')).toEqual(['list', 'Hall'])
})

test('restarts every five seconds request no more often than a schedule may', async () => {
  const counts = await anHourOfRestarts(restartFixture(), 5)

  expect(counts).toEqual({ list: 60, Hall: 60, Barn: 60 })
})

test('a cloud that gives no answer is left alone by restarts as well', async () => {
  const home = restartFixture()
  home.failing.set('list', refusal)

  expect(await anHourOfRestarts(home, 5)).toEqual({ list: 60, Hall: 0, Barn: 0 })
})

test('what was answered before the restart waits, and the first failure is retried', async () => {
  const home = restartFixture()
  home.failing.set('Barn', refusal)
  const first = home.begin()
  await first.run('start')
  first.kill()
  home.failing.clear()
  await home.clock.advance(10_000)

  const again = home.begin()
  const from = home.sent.length
  void again.runner.run('start')
  await home.clock.advance(49_999)
  expect(home.sent.slice(from)).toEqual([])
  await home.clock.advance(1_001)

  expect(home.sent.slice(from)).toContain('Barn')
  expect(again.log.lines).toContainEqual({
    level: 'info',
    message: 'run at startup waits: the last one was a moment ago',
    fields: { account_id: '8021', wait_s: 50, left_to_schedule: false },
  })
})

test('a run at startup that must wait until about the next run is left to that', async () => {
  const home = restartFixture({ offsetMs: 12_000 })
  home.failing.set('list', refusal)
  await until(home.clock, '09:04:10')
  const first = home.begin()
  await first.run('start')
  first.kill()
  home.failing.clear()

  const again = home.begin()
  expect(await again.run('start')).toEqual([])
  await until(home.clock, '09:05:00')
  expect(await again.run('schedule')).toEqual(['list', 'Hall', 'Barn'])
})

test('an account added while the daemon runs is polled at once', async () => {
  const home = restartFixture({ modules: [hall] })
  const daemon = home.begin()
  await daemon.run('start')

  await finish(daemon.runner.runOne(daemon.account), home.clock)

  expect(home.sent).toEqual(['list', 'Hall', 'list', 'Hall'])
})

test('a run without requests does not end the trouble of a refused account', async () => {
  const home = restartFixture({ modules: [hall] })
  const daemon = home.begin()
  await daemon.run('start')
  home.failing.set('Hall', new AccountThrottled('too many', { outcome: 'not-done', retryAfterMs: 600_000 }))
  const choose = async () => ({ list: false, wants: () => true })
  await daemon.runner.command([{ account: daemon.account, choose }])
  expect(daemon.account.snapshot.status).toBe('throttled')

  await daemon.run('schedule')

  expect(daemon.account.snapshot.status).toBe('throttled')
})

test('a disk that keeps nothing does not stop requests', async () => {
  const home = restartFixture({ modules: [hall] })
  const broken = new StoreFailed('cannot write starts.json', {})
  home.disk.starts.note = async () => {
    throw broken
  }
  home.disk.ledger.lastAccepted = async () => {
    throw broken
  }
  const daemon = home.begin()

  expect(await daemon.run('start')).toEqual(['list', 'Hall'])
  expect(await daemon.run('schedule')).toEqual(['list', 'Hall'])
  expect(daemon.log.lines.map(({ message }) => message)).toEqual([
    'cannot store the time of the run at startup',
  ])
})

test('an ID that has expired, or lies ahead of a clock set back, spares no request', async () => {
  const short = restartFixture({ modules: [hall], ttlMs: 5_000 })
  const daemon = short.begin()
  await daemon.run('start')
  await short.clock.advance(5_000)
  expect(await daemon.run('schedule')).toEqual(['list', 'Hall'])

  const setBack = restartFixture({ modules: [hall] })
  const other = setBack.begin()
  await other.run('start')
  setBack.clock.setWall(setBack.clock.now() - 1)
  expect(await other.run('schedule')).toEqual(['list', 'Hall'])
})

test('a run that is near, but not for this account, is not waited for', async () => {
  const home = restartFixture({ offsetMs: 120_000 })
  home.failing.set('list', refusal)
  await until(home.clock, '09:04:10')
  const first = home.begin()
  await first.run('start')
  first.kill()

  expect(await home.begin().run('start')).toEqual(['list'])
  expect(new Date(home.clock.now()).toISOString()).toMatch(/T09:05:1/)
})

test('on a schedule of ten seconds, five are enough between two starts', async () => {
  const home = restartFixture({ modules: [hall], intervalMs: 10_000 })
  const first = home.begin()
  await first.run('start')
  first.kill()

  await home.clock.advance(4_999)
  const second = home.begin()
  expect(await second.run('start')).toEqual([])
  second.kill()
  await home.clock.advance(1)
  expect(await home.begin().run('start')).toEqual(['list', 'Hall'])
})

test('an excluded module does not make the others be requested again', async () => {
  const home = restartFixture({ exclude: ['44107/9'] })
  const first = home.begin()
  expect(await first.run('start')).toEqual(['list', 'Hall'])
  first.kill()
  await home.clock.advance(1_000)

  expect(await home.begin().run('start')).toEqual([])
})

test('a paused module is skipped as paused', async () => {
  const home = restartFixture({ modules: [hall], paused: true })

  expect(await home.begin().run('schedule')).toEqual(['list'])
  expect(home.reported).toEqual(['Hall paused'])
})

test('unnamed credentials are identified once a minute by restarts, then requested', async () => {
  const home = restartFixture({ modules: [hall], unidentified: 'environment-1' })
  home.failing.set('identify', refusal)
  for (let restarts = 0; restarts < 22; restarts++) {
    const daemon = home.begin()
    void daemon.runner.run('start')
    await home.clock.advance(5_000)
    daemon.kill()
  }
  expect(home.sent).toEqual(['identify', 'identify'])
  home.failing.clear()
  await home.clock.advance(60_000)

  expect(await home.begin().run('start')).toEqual(['identify', 'list', 'Hall'])
})

test('unnamed credentials are identified by each scheduled run until one succeeds', async () => {
  const home = restartFixture({ modules: [hall], unidentified: 'environment-1' })
  const daemon = home.begin()
  home.failing.set('identify', refusal)
  expect(await daemon.run('schedule')).toEqual(['identify'])
  expect(await daemon.run('schedule')).toEqual(['identify'])
  home.failing.clear()

  expect(await daemon.run('schedule')).toEqual(['identify', 'list', 'Hall'])
})

test('a single run reports credentials whose account could not be learned', async () => {
  const home = restartFixture({ modules: [hall], unidentified: 'environment-1' })
  home.failing.set('identify', refusal)

  expect(await home.begin().runner.once()).toMatchObject([
    {
      account: 'environment-1',
      report: undefined,
      status: 'unreachable',
      failure: { code: 'cloud_refused' },
    },
  ])
})
