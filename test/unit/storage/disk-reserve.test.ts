/** Room on the disk that is held back, given away once, and made again. */
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openReserve } from '../../../src/storage/disk-reserve.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const mebibyte = 1024 * 1024

function opened(directory = temporaryDirectory()) {
  return { path: join(directory, 'reserve'), reserve: openReserve(directory, systemClock) }
}

test('a reserve takes its room on the disk, and nobody else can read it', async () => {
  const { path, reserve } = opened()
  expect(reserve.missing).toBeInstanceOf(StoreFailed)

  reserve.hold()
  reserve.hold()

  expect(reserve.missing).toBeUndefined()
  expect(statSync(path)).toMatchObject({ size: mebibyte, mode: 0o100600 })
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(mebibyte)
})

test('a reserve of the last start is still held, one that was cut short is not', async () => {
  const directory = temporaryDirectory()
  opened(directory).reserve.hold()
  expect(opened(directory).reserve.missing).toBeUndefined()

  writeFileSync(join(directory, 'reserve'), 'half')
  expect(opened(directory).reserve.missing).toBeInstanceOf(StoreFailed)
})

test('a reserve can be spent once, and then must be held again', async () => {
  const { path, reserve } = opened()
  reserve.hold()

  expect([reserve.spend(), reserve.spend()]).toEqual([true, false])

  expect([existsSync(path), reserve.missing]).toEqual([false, expect.any(StoreFailed)])
  reserve.hold()
  expect([reserve.missing, reserve.spend()]).toEqual([undefined, true])
})

test('a reserve that cannot be made is a failure with a remedy, and leaves nothing', async () => {
  const { path, reserve } = opened(join(temporaryDirectory(), 'nowhere'))

  expect(() => reserve.hold()).toThrow(
    expect.objectContaining({
      code: 'store_failed',
      remedy: expect.stringContaining('none can be made there: set dataDir to another directory.'),
    }) as Error,
  )

  expect([existsSync(path), reserve.spend()]).toEqual([false, false])
  expect(reserve.missing).toMatchObject({ remedy: expect.any(String) as unknown })
})
