import { expect, test } from 'vitest'
import { Lately } from '../../../src/topics/lately.ts'
import { fakeClock } from '../../support/fake-clock.ts'

test('a name is remembered for the time that was wanted, and forgotten before twice that', async () => {
  const clock = fakeClock()
  const lately = new Lately(clock, 1_000)
  await clock.advance(900)
  lately.add('hall')
  await clock.advance(1_000)
  expect(lately.has('hall')).toBe(true)

  await clock.advance(1_000)

  expect(lately.has('hall')).toBe(false)
})

test('after a long silence nothing is remembered', async () => {
  const clock = fakeClock()
  const lately = new Lately(clock, 1_000)
  lately.add('hall')

  await clock.advance(60_000)

  expect(lately.has('hall')).toBe(false)
})
