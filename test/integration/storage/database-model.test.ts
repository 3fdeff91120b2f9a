/** Writes under any order of a disk's troubles: what was confirmed is on disk, in its order, and nothing else. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { DiskReserve } from '../../../src/storage/disk-reserve.ts'
import { opened } from '../../support/database-fixture.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      write: fc.constantFrom(1, 1, 3, 20),
      bytes: fc.constantFrom(10, 6_000),
      fails: fc.constantFrom(false, false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ disk: fc.constantFrom('full', 'readOnly', 'well', 'well') }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Returns what was confirmed as written, and what is on disk when all is over. */
async function play(
  steps: readonly Step[],
): Promise<{ readonly written: number[]; readonly kept: number[] }> {
  const directory = temporaryDirectory()
  const written: number[] = []
  let [last, isHeld] = [0, true]
  // Giving it away makes room for a while.
  const reserve: DiskReserve = {
    missing: undefined,
    hold: () => undefined,
    spend() {
      if (isHeld) database.sql.exec('PRAGMA max_page_count = 1000000')
      const [spent] = [isHeld]
      isHeld = false
      return spent
    },
  }
  const open = () => {
    const { database } = opened(directory, reserve)
    database.sql.exec('CREATE TABLE IF NOT EXISTS lines (number INTEGER, line TEXT)')
    return database
  }
  let database = open()

  const write = (bytes: number, fails: boolean) => {
    const number = ++last
    const { sql } = database
    database
      .write(() => {
        sql.prepare('INSERT INTO lines VALUES (?, ?)').run(number, 'x'.repeat(bytes))
        if (fails) throw new StoreFailed('not this one')
        return number
      })
      .then(
        (done) => written.push(done),
        () => undefined,
      )
  }
  const become = (disk: 'full' | 'readOnly' | 'well') => {
    const { sql } = database
    sql.exec(`PRAGMA query_only = ${disk === 'readOnly' ? 'ON' : 'OFF'}`)
    const pages = Number(sql.prepare('PRAGMA page_count').get()?.page_count)
    sql.exec(`PRAGMA max_page_count = ${disk === 'full' ? pages + 1 : 1_000_000}`)
  }
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
  }

  for (const each of steps) {
    if ('write' in each) for (let nth = 0; nth < each.write; nth++) write(each.bytes, each.fails && nth === 0)
    else if ('turns' in each) await turns(each.turns)
    else if ('disk' in each) become(each.disk)
    else {
      await database.close()
      await turns(1)
      database = open()
      isHeld = true
    }
  }
  await turns(30)
  const kept = database.read(() => database.sql.prepare('SELECT number FROM lines ORDER BY rowid').all())
  await database.close()
  return { written, kept: kept.map(({ number }) => Number(number)) }
}

test('what was reported as written is on disk and nothing else, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { written, kept } = await play(steps)

      expect(kept).toEqual(written)
    }),
    { numRuns: 40 },
  )
})
