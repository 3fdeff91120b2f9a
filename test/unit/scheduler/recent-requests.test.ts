/** Ticks on start, slots, commands and restarts that come together: who is asked, and who is not. */
import { expect, test } from 'vitest'
import { AccountThrottled, CloudRefused, StoreFailed } from '../../../src/domain/errors.ts'
import type { SyncModule } from '../../../src/domain/model.ts'
import type { FakeClock } from '../../support/fake-clock.ts'
import { aHouse, fiveMinutes, hall } from '../../support/restarts.ts'
import { finish } from '../../support/scripted.ts'

const refusal = new CloudRefused('manifest request: 400', { outcome: 'not-done', status: 400 })

/** How often each thing was asked for in an hour of restarts, one every so many seconds. */
async function anHourOfRestarts(house: ReturnType<typeof aHouse>, everySeconds: number) {
  const begun = house.clock.elapsed()
  while (house.clock.elapsed() - begun < 3_600_000) {
    const daemon = house.begin()
    void daemon.ticks.tick('start')
    await house.clock.advance(everySeconds * 1_000)
    daemon.kill()
  }
  return Object.fromEntries(
    ['list', 'Hall', 'Barn'].map((name) => [name, house.asked.filter((what) => what === name).length]),
  )
}

const until = (clock: FakeClock, moment: string) =>
  clock.advance(Date.parse(`2026-11-23T${moment}.000Z`) - clock.now())

test('a slot seconds after the run at start requests nothing and skips each module', async () => {
  const house = aHouse()
  const daemon = house.begin()
  await until(house.clock, '09:04:57')
  expect(await daemon.tick('start')).toEqual(['list', 'Hall', 'Barn'])

  await until(house.clock, '09:05:00')
  expect(await daemon.tick('schedule')).toEqual([])
  expect(house.told.slice(2)).toEqual(['Hall asked_recently', 'Barn asked_recently'])

  await until(house.clock, '09:10:00')
  expect(await daemon.tick('schedule')).toEqual(['list', 'Hall', 'Barn'])
})

test('half a minute after the tick on start, and not before, a slot asks again', async () => {
  const house = aHouse({ modules: [hall] })
  const daemon = house.begin()
  await daemon.tick('start')

  await house.clock.advance(29_999)
  expect(await daemon.tick('schedule')).toEqual([])
  await house.clock.advance(1)
  expect(await daemon.tick('schedule')).toEqual(['list', 'Hall'])
})

test('the slot asks those that had no answer on start, and not the others', async () => {
  const house = aHouse()
  const daemon = house.begin()
  house.failing.set('Barn', refusal)
  await daemon.tick('start')
  house.failing.clear()

  await house.clock.advance(3_000)

  expect(await daemon.tick('schedule')).toEqual(['list', 'Barn'])
})

test('a command spares its module the slot that follows, long after the start as well', async () => {
  const house = aHouse()
  const daemon = house.begin()
  await daemon.tick('start')
  await house.clock.advance(fiveMinutes)
  const wants = ({ name }: SyncModule) => name === 'Hall'
  await daemon.ticks.command([{ account: daemon.account, choose: () => ({ list: false, wants }) }])

  await house.clock.advance(2_000)

  expect(await daemon.tick('schedule')).toEqual(['list', 'Barn'])
})

test('scheduled requests never spare a slot, nor does anything where slots are close', async () => {
  const regular = aHouse({ modules: [hall] }).begin()
  expect(await regular.tick('schedule')).toEqual(['list', 'Hall'])
  expect(await regular.tick('schedule')).toEqual(['list', 'Hall'])

  const fast = aHouse({ modules: [hall], intervalMs: 10_000 }).begin()
  expect(await fast.tick('start')).toEqual(['list', 'Hall'])
  expect(await fast.tick('schedule')).toEqual(['list', 'Hall'])
})

test('restarted every five seconds, the daemon asks no more often than a schedule may', async () => {
  const counts = await anHourOfRestarts(aHouse(), 5)

  expect(counts).toEqual({ list: 60, Hall: 60, Barn: 60 })
})

test('a cloud that has no answer is left alone by restarts as well', async () => {
  const house = aHouse()
  house.failing.set('list', refusal)

  expect(await anHourOfRestarts(house, 5)).toEqual({ list: 60, Hall: 0, Barn: 0 })
})

test('what was answered before the restart waits, and the first failure is retried', async () => {
  const house = aHouse()
  house.failing.set('Barn', refusal)
  const first = house.begin()
  await first.tick('start')
  first.kill()
  house.failing.clear()
  await house.clock.advance(10_000)

  const again = house.begin()
  const from = house.asked.length
  void again.ticks.tick('start')
  await house.clock.advance(49_999)
  expect(house.asked.slice(from)).toEqual([])
  await house.clock.advance(1_001)

  expect(house.asked.slice(from)).toContain('Barn')
  expect(again.log.lines).toContainEqual({
    level: 'info',
    message: 'tick on start waits: the last one was a moment ago',
    fields: { account_id: '8021', login: 'login-1', wait_s: 50, left_to_slot: false },
  })
})

test('a tick on start that had to wait until about the next slot is left to that', async () => {
  const house = aHouse({ offsetMs: 12_000 })
  house.failing.set('list', refusal)
  await until(house.clock, '09:04:10')
  const first = house.begin()
  await first.tick('start')
  first.kill()
  house.failing.clear()

  const again = house.begin()
  expect(await again.tick('start')).toEqual([])
  await until(house.clock, '09:05:00')
  expect(await again.tick('schedule')).toEqual(['list', 'Hall', 'Barn'])
})

test('an account added while the daemon runs is polled at once', async () => {
  const house = aHouse({ modules: [hall] })
  const daemon = house.begin()
  await daemon.tick('start')

  await finish(daemon.ticks.tickOne(daemon.account), house.clock)

  expect(house.asked).toEqual(['list', 'Hall', 'list', 'Hall'])
})

test('a run without requests does not end the trouble of a refused account', async () => {
  const house = aHouse({ modules: [hall] })
  const daemon = house.begin()
  await daemon.tick('start')
  house.failing.set('Hall', new AccountThrottled('too many', { outcome: 'not-done', retryAfterMs: 600_000 }))
  const choose = () => ({ list: false, wants: () => true })
  await daemon.ticks.command([{ account: daemon.account, choose }])
  expect(daemon.account.state.status).toBe('throttled')

  await daemon.tick('schedule')

  expect(daemon.account.state.status).toBe('throttled')
})

test('a disk that keeps nothing is no reason to ask nobody', async () => {
  const house = aHouse({ modules: [hall] })
  const broken = new StoreFailed('cannot write starts.json', {})
  house.disk.starts.note = async () => {
    throw broken
  }
  house.disk.ledger.lastAccepted = () => {
    throw broken
  }
  const daemon = house.begin()

  expect(await daemon.tick('start')).toEqual(['list', 'Hall'])
  expect(await daemon.tick('schedule')).toEqual(['list', 'Hall'])
  expect(daemon.log.lines.map(({ message }) => message)).toEqual(['cannot keep when this start has asked'])
})

test('an ID that has expired, or lies ahead of a clock set back, spares no request', async () => {
  const short = aHouse({ modules: [hall], ttlMs: 5_000 })
  const daemon = short.begin()
  await daemon.tick('start')
  await short.clock.advance(5_000)
  expect(await daemon.tick('schedule')).toEqual(['list', 'Hall'])

  const setBack = aHouse({ modules: [hall] })
  const other = setBack.begin()
  await other.tick('start')
  setBack.clock.setWall(setBack.clock.now() - 1)
  expect(await other.tick('schedule')).toEqual(['list', 'Hall'])
})

test('a slot that is near, but not for this account, is not waited for', async () => {
  const house = aHouse({ offsetMs: 120_000 })
  house.failing.set('list', refusal)
  await until(house.clock, '09:04:10')
  const first = house.begin()
  await first.tick('start')
  first.kill()

  expect(await house.begin().tick('start')).toEqual(['list'])
  expect(new Date(house.clock.now()).toISOString()).toMatch(/T09:05:1/)
})

test('where slots are ten seconds apart, five are enough between two starts', async () => {
  const house = aHouse({ modules: [hall], intervalMs: 10_000 })
  const first = house.begin()
  await first.tick('start')
  first.kill()

  await house.clock.advance(4_999)
  const second = house.begin()
  expect(await second.tick('start')).toEqual([])
  second.kill()
  await house.clock.advance(1)
  expect(await house.begin().tick('start')).toEqual(['list', 'Hall'])
})

test('a module that nobody wants asked does not make the others be asked again', async () => {
  const house = aHouse({ exclude: ['44107/9'] })
  const first = house.begin()
  expect(await first.tick('start')).toEqual(['list', 'Hall'])
  first.kill()
  await house.clock.advance(1_000)

  expect(await house.begin().tick('start')).toEqual([])
})

test('a module that is paused is told as that', async () => {
  const house = aHouse({ modules: [hall], paused: true })

  expect(await house.begin().tick('schedule')).toEqual(['list'])
  expect(house.told).toEqual(['Hall paused'])
})
