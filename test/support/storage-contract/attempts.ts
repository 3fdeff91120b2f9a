/** What the history of attempts promises: a day of each module, with what became of each request ID. */
import { expect, test } from 'vitest'
import type { Attempt, ModuleAttempt } from '../../../src/domain/attempt.ts'
import { aModule, start } from '../samples.ts'
import { opened, type StoragePlace } from './place.ts'

const dayMs = 24 * 60 * 60 * 1000
const { accountId, networkId, syncModuleId } = aModule()
const hall = { accountId, networkId, syncModuleId }
const barn = { ...hall, syncModuleId: '9' }

const requested = (requestId: string, at: number): Attempt => ({
  ...{ at, outcome: 'requested', latencyMs: 120.5 },
  accepted: { requestId, expiresAt: at + 600_000, deliveredAt: undefined },
})
const busy = (at: number): Attempt => ({ at, outcome: 'busy', latencyMs: undefined, accepted: undefined })
const of = (module: ModuleAttempt['module'], ...attempts: readonly Attempt[]) =>
  attempts.map((attempt) => ({ module, ...attempt }))

export function attemptsContract(newPlace: () => StoragePlace): void {
  test('attempts of a module come back as they were, the oldest first, over restarts', async () => {
    const place = await opened(newPlace())
    const first = requested('9223372036854775807', start)
    await place.storage.attempts.record(of(hall, busy(start + 2), first), [])
    await place.storage.attempts.record(of(barn, busy(start + 1)), [])

    const { attempts } = await place.reopen()

    expect(await attempts.of(hall, 0)).toEqual([first, busy(start + 2)])
    expect(await attempts.of(hall, start + 1)).toEqual([busy(start + 2)])
    expect(await attempts.of(barn, 0)).toEqual([busy(start + 1)])
    expect(await attempts.of({ ...hall, accountId: '1' }, 0)).toEqual([])
  })

  test('a delivery is kept with its own attempt and with no other', async () => {
    const { storage } = await opened(newPlace())
    const [one, two] = [requested('501', start), requested('501', start + 1)]
    await storage.attempts.record([...of(hall, one, two), ...of(barn, one)], [])

    const delivered = { module: hall, at: start + 1, requestId: '501', deliveredAt: start + 90 }
    await storage.attempts.record([], [delivered, { ...delivered, requestId: '502' }])

    const accepted = { requestId: '501', expiresAt: start + 600_001, deliveredAt: start + 90 }
    expect(await storage.attempts.of(hall, 0)).toEqual([one, { ...two, accepted }])
    expect(await storage.attempts.of(barn, 0)).toEqual([one])
  })

  test('attempts are gone after a day, all of many', async () => {
    const { storage, clock } = await opened(newPlace())
    const many = Array.from({ length: 1_200 }, (_, index) => busy(start + index))
    await storage.attempts.record(of(hall, ...many), [])
    await clock.advance(dayMs + 1_199)

    for (let batch = 0; batch < 3; batch++) await storage.attempts.record([], [])

    expect(await storage.attempts.of(hall, 0)).toEqual([busy(start + 1_199)])
  })

  test('attempts of a clock that was days ahead do not stay', async () => {
    const { storage } = await opened(newPlace())
    await storage.attempts.record(of(hall, busy(start + 3 * dayMs), busy(start)), [])

    expect(await storage.attempts.of(hall, 0)).toEqual([busy(start)])
  })
}
