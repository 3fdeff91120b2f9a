/**
 * A simulated fleet: so many accounts with so many sync modules each, all of which can be asked.
 */
import type { AccountSpec } from '../../src/simulator/account-spec.ts'

export interface FleetSize {
  readonly accounts: number
  readonly modulesPerAccount: number
}

const firstAccount = 10_001

/** The accounts of a fleet; one network each, and no cameras, for nobody asks for them. */
export function fleetOf({ accounts, modulesPerAccount }: FleetSize): readonly AccountSpec[] {
  return Array.from({ length: accounts }, (_, index) => {
    const id = firstAccount + index
    const networkId = 100_000 + index
    return {
      id,
      region: 'e008',
      networks: [{ id: networkId, name: `Home ${index}` }],
      modules: Array.from({ length: modulesPerAccount }, (_, place) => ({
        id: 1_000_000 + index * modulesPerAccount + place,
        networkId,
        name: `Module ${place}`,
      })),
    }
  })
}

/** How many sync modules a fleet has. */
export function modulesIn({ accounts, modulesPerAccount }: FleetSize): number {
  return accounts * modulesPerAccount
}
