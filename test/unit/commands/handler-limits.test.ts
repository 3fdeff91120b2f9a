/** How often commands may request, and what the response to one too many says. */
import { expect, test } from 'vitest'
import { boat, commandFixture, hall, one, two } from '../../support/command-fixture.ts'
import { aModule } from '../../support/samples.ts'

test('a few commands in a row are carried out, then one a minute; the error says when', async () => {
  const fixture = commandFixture({ modules: [hall], inVain: true })
  for (const _ of [1, 2, 3]) expect((await fixture.request()).error).toBeUndefined()

  const { error } = await fixture.request()
  expect(error).toMatchObject({ code: 'throttled', retryable: true, retryAt: fixture.clock.now() + 60_000 })
  await fixture.clock.advance(59_999)
  expect((await fixture.request()).error?.code).toBe('throttled')
  await fixture.clock.advance(1)
  expect((await fixture.request()).error).toBeUndefined()

  expect(fixture.sent).toHaveLength(4)
})

test('five modules may be requested at once, and then one for each minute', async () => {
  const five = [1, 2, 3, 4, 5].map((number) => aModule({ syncModuleId: String(number) }))
  const fixture = commandFixture({ modules: five, inVain: true })
  await fixture.request()

  expect((await fixture.request()).error).toMatchObject({ retryAt: fixture.clock.now() + 60_000 })
  const single = { accountId: '8021', networkId: '44107', syncModuleId: '1' }
  expect((await fixture.request(single)).error).toMatchObject({ retryAt: fixture.clock.now() + 12_000 })
})

test('an account that is requested too often does not use up the tokens of another', async () => {
  const fixture = commandFixture({ modules: [hall, boat], accounts: [one, two], inVain: true })
  for (const _ of [1, 2, 3, 4]) await fixture.request({ accountId: '8021' })

  expect((await fixture.request({ accountId: '9001' })).error).toBeUndefined()
})

test('the list of modules is requested once a minute, whatever the commands', async () => {
  const fixture = commandFixture({ modules: [hall] })

  for (const ms of [0, 30_000, 29_999, 1]) {
    await fixture.clock.advance(ms)
    await fixture.request()
  }

  expect(fixture.sent.map(({ list }) => list)).toEqual([true, false, true])
})

test('after a rescan the list is new enough for a request', async () => {
  const fixture = commandFixture()
  await fixture.rescan()

  await fixture.request()

  expect(fixture.sent.map(({ list }) => list)).toEqual([true, false])
})

test('two rescans in a row are carried out, the third has to wait a minute', async () => {
  const fixture = commandFixture()
  await fixture.rescan()
  await fixture.rescan()

  const third = await fixture.rescan()

  expect(third).toMatchObject({ data: { verb: 'rescan', accounts: 0, modules: 3 } })
  expect(third.error).toMatchObject({ code: 'throttled', retryAt: fixture.clock.now() + 60_000 })
  expect(fixture.sent).toHaveLength(2)
  // Nor is everything published to Home Assistant again, which takes seconds each time.
  expect(fixture.rescans()).toBe(2)
  // Requests have a measure of their own.
  expect((await fixture.request()).error).toBeUndefined()
})
