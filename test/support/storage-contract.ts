/**
 * What every implementation of storage promises: each port of `Storage`, before and after it is opened again.
 *
 * What happens to damaged files, locks and modes is a matter of one implementation, and is tested beside it.
 */
import { describe } from 'vitest'
import { credentialsContract, limitsContract, pausesContract } from './storage-contract/accounts.ts'
import { attemptsContract } from './storage-contract/attempts.ts'
import { clipsContract } from './storage-contract/clips.ts'
import { ledgerContract } from './storage-contract/ledger.ts'
import { otherContract } from './storage-contract/other.ts'
import { outboxContract } from './storage-contract/outbox.ts'
import type { StoragePlace } from './storage-contract/place.ts'

/** Describes the promises of `Storage` for one implementation; `newPlace` makes an empty place. */
export function storageContract(name: string, newPlace: () => StoragePlace): void {
  describe(name, () => {
    describe('ledger', () => ledgerContract(newPlace))
    describe('outbox', () => outboxContract(newPlace))
    describe('credentials', () => credentialsContract(newPlace))
    describe('limits', () => limitsContract(newPlace))
    describe('pauses', () => pausesContract(newPlace))
    describe('clips', () => clipsContract(newPlace))
    describe('attempts', () => attemptsContract(newPlace))
    describe('other state', () => otherContract(newPlace))
  })
}
