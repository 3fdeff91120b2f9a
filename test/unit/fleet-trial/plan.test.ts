/** The plan of the fleet's trial. */
import { expect, test } from 'vitest'
import { killMoments, planOf } from '../../fleet/plan.ts'

const short = { seed: 7, lengthMs: 60_000, instances: 3, accounts: [10_001, 10_002], everySeconds: 300 }

test('a seed gives the same plan, and another one another', () => {
  expect(planOf(short)).toEqual(planOf(short))
  expect(planOf({ ...short, seed: 8 })).not.toEqual(planOf(short))
})

test('in an hour everything goes wrong that can', () => {
  const plan = planOf({ ...short, lengthMs: 60 * 60_000 })
  const kinds = (deeds: readonly { readonly deed: { readonly kind: string } }[]) =>
    new Set(deeds.map(({ deed }) => deed.kind))
  const moments = plan.instances.flatMap(({ deed }) => (deed.kind === 'kill' ? deed.moment : []))
  const skews = plan.instances.flatMap(({ deed }) => (deed.kind === 'kill' ? deed.next.skewMs : []))

  expect(kinds(plan.instances)).toEqual(new Set(['kill', 'stop', 'freeze']))
  expect(new Set(moments)).toEqual(new Set(killMoments))
  expect(new Set(skews)).toEqual(new Set([0, 120_000, -120_000, -900_000]))
  expect(kinds(plan.wires)).toEqual(new Set(['cut', 'stall']))
  expect(kinds(plan.store)).toEqual(new Set(['restart', 'away']))
  expect(kinds(plan.cloud)).toEqual(new Set(['throttle', 'expire', 'lose-answers']))
})
