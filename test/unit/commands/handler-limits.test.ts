/** How often commands make us ask the cloud, and what is said to those that want more. */
import { expect, test } from 'vitest'
import { aHouse, boat, hall, one, two } from '../../support/obey-world.ts'
import { aModule } from '../../support/samples.ts'

test('a few presses in a row are obeyed, then one a minute, and the answer tells when', async () => {
  const house = aHouse({ modules: [hall], inVain: true })
  for (const _ of [1, 2, 3]) expect((await house.request()).refusal).toBeUndefined()

  const { refusal } = await house.request()
  expect(refusal).toMatchObject({ code: 'throttled', retryable: true, retryAt: house.clock.now() + 60_000 })
  await house.clock.advance(59_999)
  expect((await house.request()).refusal?.code).toBe('throttled')
  await house.clock.advance(1)
  expect((await house.request()).refusal).toBeUndefined()

  expect(house.asked).toHaveLength(4)
})

test('five modules may be requested at once, and then one for each minute', async () => {
  const five = [1, 2, 3, 4, 5].map((number) => aModule({ syncModuleId: String(number) }))
  const house = aHouse({ modules: five, inVain: true })
  await house.request()

  expect((await house.request()).refusal).toMatchObject({ retryAt: house.clock.now() + 60_000 })
  const single = { accountId: '8021', networkId: '44107', syncModuleId: '1' }
  expect((await house.request(single)).refusal).toMatchObject({ retryAt: house.clock.now() + 12_000 })
})

test('one account that is asked too much does not use up what another has', async () => {
  const house = aHouse({ modules: [hall, boat], accounts: [one, two], inVain: true })
  for (const _ of [1, 2, 3, 4]) await house.request({ accountId: '8021' })

  expect((await house.request({ accountId: '9001' })).refusal).toBeUndefined()
})

test('the list of modules is requested once a minute, whatever the commands', async () => {
  const house = aHouse({ modules: [hall] })

  for (const ms of [0, 30_000, 29_999, 1]) {
    await house.clock.advance(ms)
    await house.request()
  }

  expect(house.asked.map(({ list }) => list)).toEqual([true, false, true])
})

test('after a rescan the list is new enough for a request', async () => {
  const house = aHouse()
  await house.rescan()

  await house.request()

  expect(house.asked.map(({ list }) => list)).toEqual([true, false])
})

test('two rescans in a row are obeyed, the third is told to wait a minute', async () => {
  const house = aHouse()
  await house.rescan()
  await house.rescan()

  const third = await house.rescan()

  expect(third).toMatchObject({ data: { accounts: 0, modules: 3 } })
  expect(third.refusal).toMatchObject({ code: 'throttled', retryAt: house.clock.now() + 60_000 })
  expect(house.asked).toHaveLength(2)
  // Nor is Home Assistant told of everything again, which takes seconds each time.
  expect(house.rescans()).toBe(2)
  // Requests have a measure of their own.
  expect((await house.request()).refusal).toBeUndefined()
})
