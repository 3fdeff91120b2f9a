/** The program on a disk that is full or read-only. */
import { expect } from 'vitest'
import { document, fast, home, itemsSeen, requestCount, stem, workItems } from '../support/homes.ts'
import { mountTest, readOnlyDirectory, smallDisk } from '../support/mounts.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }
const account = 'blink-manifestd/account/8021/state'

mountTest('a full disk stops requests and shows in the state; with room all goes on', async () => {
  using disk = smallDisk(8)
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...fast, BLINK_MANIFESTD_DATA_DIR: disk.path })
  await itemsSeen(observer, 2, daemon.stderr)
  const moduleState = () => document(observer.latest(`${stem(1)}/state`) ?? '{}')

  disk.fill()
  await until(
    'the module to say so',
    () => JSON.stringify(moduleState().last_error)?.includes('store_failed'),
    { state: daemon.stderr },
  )
  await until('the account to say so', () => observer.latest(account)?.includes('The disk is full'))
  const before = requestCount(world.cloud, 'manifest-request')
  const ticks = requestCount(world.cloud, 'homescreen')
  await until('two more ticks', () => requestCount(world.cloud, 'homescreen') >= ticks + 2)
  expect(requestCount(world.cloud, 'manifest-request')).toBe(before)

  disk.makeRoom()
  await itemsSeen(observer, before + 2, daemon.stderr)
  await until('the module to work again', () => moduleState().last_outcome === 'requested')
  await until('the account to work again', () => observer.latest(account)?.includes('"detail":null'))
  expect((await daemon.stop()).code).toBe(0)

  // Every id the cloud gave was delivered, but for those of the moment in which the disk filled up.
  await until(
    'all ids',
    () => requestCount(world.cloud, 'manifest-request') - workItems(observer).length <= 2,
  )
  expect(daemon.stderr()).not.toContain('this is a bug')
})

mountTest('a data directory that is full is 75, one that cannot be written or made is 78', async () => {
  using disk = smallDisk(4)
  await using world = await startWorld({ broker: false, simulator: two })
  const run = (dataDir: string) => world.finish(['run'], { BLINK_MANIFESTD_DATA_DIR: dataDir })
  disk.fill()
  const full = await run(disk.path)
  disk.makeRoom()
  disk.readOnly()
  const readOnly = await run(disk.path)
  const notMade = await run(`${disk.path}/data`)

  expect(full).toMatchObject({ code: 75, stderr: expect.stringContaining('The disk is full: make room.') })
  for (const { code, stderr } of [readOnly, notMade]) {
    expect(code).toBe(78)
    expect(stderr).toContain('cannot ')
    expect(stderr).toContain('The file system is read-only: set dataDir to one that is not.')
  }
  expect(world.cloud.calls).toEqual([])
})

mountTest('a rotated token that cannot be saved is not lost, and is saved later', async () => {
  await using world = await startWorld({ simulator: two })
  world.cloud.rotateRefreshTokens('always')
  const observer = await world.observer()
  const idle = world.start(['run'], { SCHEDULE_ON_START: 'false' })
  await idle.says('started')
  await idle.stop()

  const readOnly = readOnlyDirectory(`${world.dataDir}/logins`)
  const daemon = world.start(['run'], fast)
  try {
    await until('the account to say so', () => observer.latest(account)?.includes('read-only'), {
      state: daemon.stderr,
    })
    await until('more ticks', () => daemon.logged().filter(({ msg }) => msg === 'run done').length >= 3)
    expect(requestCount(world.cloud, 'manifest-request')).toBe(0)
    expect(requestCount(world.cloud, 'token')).toBe(1)
  } finally {
    readOnly[Symbol.dispose]()
  }
  await itemsSeen(observer, 2, daemon.stderr)
  await daemon.stop('SIGKILL')

  // The next start signs in with what was saved.
  const seen = workItems(observer).length
  const again = world.start(['run'], fast)
  await itemsSeen(observer, seen + 2, again.stderr)
})

mountTest('a rotated token that a full disk does not take is kept in memory', async () => {
  using disk = smallDisk(8)
  await using world = await startWorld({ simulator: two })
  world.cloud.rotateRefreshTokens('always')
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...fast, BLINK_MANIFESTD_DATA_DIR: disk.path })
  await itemsSeen(observer, 2, daemon.stderr)
  const refreshes = requestCount(world.cloud, 'token')

  // The reserve goes first, and whoever fills the disk takes that as well.
  disk.fill()
  await until('the account to say so', () => observer.latest(account)?.includes('The disk is full'))
  disk.fill()
  world.cloud.expireAccessTokens(8021)
  await until('a refresh', () => requestCount(world.cloud, 'token') > refreshes, { state: daemon.stderr })
  // Several looks at the logins on disk, which are older than the one in use.
  const ticks = () => daemon.logged().filter(({ msg }) => msg === 'run done').length
  const before = ticks()
  await until('eight more ticks', () => ticks() >= before + 8, { state: daemon.stderr })
  expect(requestCount(world.cloud, 'token')).toBe(refreshes + 1)

  const items = workItems(observer).length
  disk.makeRoom()
  await itemsSeen(observer, items + 2, daemon.stderr)
  expect(requestCount(world.cloud, 'token')).toBe(refreshes + 1)
  await until('the account to work again', () => observer.latest(account)?.includes('"state":"ok"'))
})
