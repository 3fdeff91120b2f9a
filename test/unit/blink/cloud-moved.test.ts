/**
 * An account whose region is no longer the one we knew.
 */
import { expect, test } from 'vitest'
import { HostUnknown } from '../../../src/blink/connection-errors.ts'
import { CloudRefused } from '../../../src/domain/errors.ts'
import { cloudFixture, homescreen, module, nobodyHome, tier } from '../../support/cloud-fixture.ts'
import { calm } from '../../support/peer.ts'

test('an account that has moved to another region is found there', async () => {
  const { cloud, saved, asked } = cloudFixture((call, host) => {
    if (call.kind === 'tier_info') return tier('e009')
    return host.startsWith('rest-e008') ? nobodyHome : homescreen
  })

  expect((await cloud.discover(calm())).length).toBe(1)
  expect(asked().slice(1)).toEqual([
    'homescreen rest-e008.immedia-semi.com',
    'tier_info rest-prod.immedia-semi.com',
    'homescreen rest-e009.immedia-semi.com',
  ])
  expect(saved).toMatchObject([{ region: 'e009' }])
})

test('a host that does not know the account counts as moved, an API error does not', async () => {
  const moved = cloudFixture((call, host) => {
    if (call.kind === 'tier_info') return tier('e009')
    return host.startsWith('rest-e008') ? [404, 'page not found'] : homescreen
  })
  const refused = cloudFixture(() => [404, { code: 404 }])

  expect((await moved.cloud.discover(calm())).length).toBe(1)
  await expect(refused.cloud.discover(calm())).rejects.toThrow(CloudRefused)
  expect(refused.asked()).not.toContain('tier_info rest-prod.immedia-semi.com')
})

test('the region is looked up once an hour at most, and the machine is not offline', async () => {
  const { cloud, clock, asked } = cloudFixture((call) =>
    call.kind === 'tier_info' ? tier('e008') : nobodyHome,
  )
  const checks = () => asked().filter((call) => call.startsWith('tier_info')).length
  const failure = { message: nobodyHome.message, remedy: expect.stringContaining('Blink answers') }

  await expect(cloud.discover(calm())).rejects.toMatchObject(failure)
  await clock.advance(2_000)
  await expect(cloud.discover(calm())).rejects.toMatchObject(failure)
  expect(checks()).toBe(1)
  expect(asked().filter((call) => call.startsWith('homescreen')).length).toBe(2)
  await clock.advance(3_600_000)
  await expect(cloud.discover(calm())).rejects.toMatchObject(failure)
  expect(checks()).toBe(2)
})

test('a look-up that found the network down does not keep the next one waiting', async () => {
  let online = false
  const { cloud, clock, asked } = cloudFixture((call, host) => {
    if (call.kind === 'tier_info') return online ? tier('e009') : nobodyHome
    return host.startsWith('rest-e008') ? nobodyHome : homescreen
  })
  await expect(cloud.discover(calm())).rejects.toBe(nobodyHome)

  online = true
  await clock.advance(2_000)

  expect((await cloud.discover(calm())).length).toBe(1)
  expect(asked().at(-1)).toBe('homescreen rest-e009.immedia-semi.com')
})

test('without regions in the address there is nowhere to move to', async () => {
  const { cloud, asked } = cloudFixture(() => nobodyHome, { restUrl: 'http://127.0.0.1:8080' })

  await expect(cloud.discover(calm())).rejects.toBe(nobodyHome)

  expect(asked()).toEqual(['token api.oauth.blink.com', 'homescreen 127.0.0.1'])
})

test('with the whole network down the failure of the home screen is reported', async () => {
  const { cloud } = cloudFixture((call) =>
    call.kind === 'tier_info'
      ? new HostUnknown('tier information: not known', { outcome: 'not-done' })
      : nobodyHome,
  )

  await expect(cloud.discover(calm())).rejects.toBe(nobodyHome)
})

test.each([
  nobodyHome,
  [404, 'page not found'],
] as const)('requests of a moved account cost one look-up and reach the new region: %s', async (answer) => {
  const { cloud, asked } = cloudFixture((call, host) => {
    if (call.kind === 'tier_info') return tier('e009')
    return host.startsWith('rest-e008') ? answer : [200, { id: 7 }]
  })

  const made = await Promise.all([1, 2, 3].map(() => cloud.requestManifest(module, calm())))

  expect(made.map(({ pollUrl }) => new URL(pollUrl).hostname)).toEqual(
    Array(3).fill('rest-e009.immedia-semi.com'),
  )
  expect(asked().filter((call) => call.startsWith('tier_info')).length).toBe(1)
})
