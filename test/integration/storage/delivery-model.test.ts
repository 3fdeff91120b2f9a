/** Delivery under any order of events, with the real storage on a real disk. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { play, step } from '../../support/delivery-scenario.ts'
import { type RealDisk, realDisk } from '../../support/real-disk.ts'
import { temporaryDirectory } from '../../support/samples.ts'

test('with real storage, too, IDs are delivered or expired, in order and once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let disk: RealDisk | undefined
      const diskOf = (changed: () => void) => (disk = realDisk(temporaryDirectory(), changed))
      try {
        expect(await play({ steps, topics: ['item', 'event'], diskOf })).toEqual([])
      } finally {
        await disk?.close()
      }
    }),
    { numRuns: 12 },
  )
})
