/** Whatever happens to the bytes of a database: it opens or is recovered; nothing else is thrown. */
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import {
  cutOff,
  filled,
  item,
  logFile,
  opened,
  overwrite,
  sizeOf,
  stateFile,
} from '../../support/database-fixture.ts'
import { anItem, requested, temporaryDirectory } from '../../support/samples.ts'

const count = 60

const damages = fc.oneof(
  fc.record({ cut: fc.double({ min: 0, max: 1, noNaN: true }), file: fc.constantFrom('state', 'log') }),
  fc.record({
    file: fc.constantFrom('state', 'log'),
    bytes: fc.array(fc.record({ at: fc.double({ min: 0, max: 0.999999, noNaN: true }), bit: fc.nat(7) }), {
      minLength: 1,
      maxLength: 40,
    }),
  }),
  // The first hundred bytes say what the file is.
  fc.record({
    file: fc.constant('state'),
    header: fc.array(fc.record({ at: fc.nat(99), bit: fc.nat(7) }), { minLength: 1, maxLength: 4 }),
  }),
)

type Damage = typeof damages extends fc.Arbitrary<infer T> ? T : never

function damage(directory: string, what: Damage): void {
  const path = what.file === 'state' ? stateFile(directory) : logFile(directory)
  const size = sizeOf(path)
  if (size === 0) return
  if ('cut' in what) {
    cutOff(path, what.cut)
    return
  }
  const flips =
    'header' in what ? what.header : what.bytes.map(({ at, bit }) => ({ at: Math.floor(at * size), bit }))
  const before = readFileSync(path)
  for (const { at, bit } of flips) overwrite(path, at, Buffer.of((before[at] ?? 0) ^ (1 << bit)))
}

/** Starts, does the work of a run and of a delivery, and stops; returns the event ids that were there. */
async function work(directory: string): Promise<readonly string[]> {
  const { database, outbox, ledger } = opened(directory)
  try {
    const waiting = await outbox.waiting(1_000, [])
    for (const key of await ledger.keys()) await ledger.read(key)
    await ledger.record(requested(anItem({ requestId: '901' })))
    expect((await outbox.waiting(1_000, [])).at(-1)?.event.body.requestId).toBe('901')
    for (const { seq } of await outbox.waiting(1_000, [])) await outbox.remove([seq])
    expect(await outbox.count()).toBe(0)
    return waiting.map((row) => row.event.body.eventId)
  } finally {
    await database.close()
  }
}

test('flipped bits and cut off ends: the work goes on, with no invented item', async () => {
  const sources = [await filled(count), await filled(count, { killed: true })]
  const root = temporaryDirectory()
  let run = 0
  const original = new Set(Array.from({ length: count }, (_, index) => item(index).eventId))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sources), damages, async (source, what) => {
      const directory = `${root}/${run++}`
      cpSync(source, directory, { recursive: true })
      damage(directory, what)
      try {
        const found = await work(directory)
        // A flipped bit inside an event id is nobody's to notice; a new one in its place would be our doing.
        const strangers = found.filter((id) => !original.has(id))
        expect(strangers.length).toBeLessThanOrEqual('cut' in what ? 0 : 40)
        expect(found.length).toBeLessThanOrEqual(count)
      } catch (error) {
        // A flipped version number looks like that of a later program, and is refused as one.
        if (!(error instanceof StoreFailed && error.message.includes('newer version'))) throw error
      }
      expect(readdirSync(directory)).toContain('state.db')
    }),
    { numRuns: 60, seed: 20261123 },
  )
})
