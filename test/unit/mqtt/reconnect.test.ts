import { expect, test } from 'vitest'
import type { Ending } from '../../../src/mqtt/connection.ts'
import { afterEnding, fresh } from '../../../src/mqtt/reconnect.ts'

const failed: Ending = { stood: false, answered: false, kind: 'failed' }
const lost: Ending = { stood: true, answered: true, kind: 'failed' }

function pauses(ending: Ending, count: number, chance: number): readonly number[] {
  let reconnects = fresh
  return Array.from({ length: count }, (_, index) => {
    const { next, pauseMs } = afterEnding(reconnects, ending, {
      stoodMs: 0,
      explained: false,
      elapsed: index * 60_000,
      chance,
    })
    reconnects = next
    return pauseMs
  })
}

test('the longest pause doubles from a second to a minute and stays there', () => {
  expect(pauses(failed, 8, 1)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  expect(pauses(failed, 10_000, 1).at(-1)).toBe(60_000)
})

test('pauses are spread over all of the time below the ceiling', () => {
  expect(pauses(failed, 3, 0)).toEqual([0, 0, 0])
  expect(pauses(failed, 3, 0.25)).toEqual([250, 500, 1_000])
})

test('a connection that lasted starts the pauses anew, and one that did not does not', () => {
  const tired = { ...fresh, failures: 6 }
  const at = (stoodMs: number) =>
    afterEnding(tired, lost, { stoodMs, explained: false, elapsed: 0, chance: 1 }).pauseMs

  expect(at(30_000)).toBe(1_000)
  expect(at(29_999)).toBe(60_000)
})

test('taken over three times in more than a minute is no fight', () => {
  const taken: Ending = { stood: true, answered: true, kind: 'disconnected', reasonCode: 0x8e }
  let reconnects = fresh
  const advised = [0, 31_000, 62_000, 93_000].map((elapsed) => {
    const after = afterEnding(reconnects, taken, { stoodMs: 20_000, explained: false, elapsed, chance: 0 })
    reconnects = after.next
    return after.advised
  })

  expect(advised).toEqual([undefined, undefined, undefined, undefined])
})

test('a connection that ended over something we sent is no sign of another client, and soon tried again', () => {
  const closed: Ending = { stood: true, answered: true, kind: 'closed' }
  const after = (explained: boolean) => {
    let reconnects = { ...fresh, failures: 6 }
    return [0, 1_000, 2_000, 3_000].map((elapsed) => {
      const { next, pauseMs, advised } = afterEnding(reconnects, closed, {
        ...{ stoodMs: 100, explained, elapsed },
        chance: 1,
      })
      reconnects = { ...next }
      return [pauseMs, advised]
    })
  }

  expect(after(true)).toEqual([4_000, 4_000, 4_000, 4_000].map((pauseMs) => [pauseMs, undefined]))
  expect(after(false)[2]).toEqual([60_000, 'cut-short'])
})
