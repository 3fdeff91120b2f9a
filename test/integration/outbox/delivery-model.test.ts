/** Delivery under any order of events, with a disk in memory that is as slow as can be. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { play, step } from '../../support/delivery-scenario.ts'
import { fakeDisk } from '../../support/fake-outbox.ts'

test.each([
  ['of one message each', ['item']],
  ['of two messages each', ['item', 'event']],
])('ids %s are each taken or dead, in order and once, whatever happens', async (_, topics) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, eager) => {
      const diskOf = (changed: () => void) => fakeDisk({ eager, changed })

      expect(await play({ steps, topics, diskOf })).toEqual([])
    }),
    { numRuns: 300 },
  )
})
