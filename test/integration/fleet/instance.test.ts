/** An instance's name belongs to one process at a time. */
import { afterAll, beforeAll, expect } from 'vitest'
import { ConfigInvalid } from '../../../src/domain/errors.ts'
import { takeName } from '../../../src/fleet/instance.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../support/postgres.ts'
import { freshSchema } from '../../support/postgres-database.ts'
import { instanceOn } from '../../support/postgres-instances.ts'
import { readableLog } from '../../support/samples.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** A clock on which each wait is over at once. */
function hastyClock() {
  const clock = fakeClock()
  return { ...clock, sleep: (ms: number) => clock.advance(ms) }
}

postgresTest('a second instance of a name is refused while the first one lives', async () => {
  const schema = freshSchema()
  const [one, two] = [await instanceOn(server, schema), await instanceOn(server, schema)]
  const needs = () => ({ name: 'attic', clock: hastyClock(), log: readableLog() })
  await takeName({ ...needs(), named: one.named })

  await expect(takeName({ ...needs(), named: two.named })).rejects.toThrow(ConfigInvalid)
  await takeName({ ...needs(), named: two.named, name: 'cellar' })
  await one.named.free('instance:attic')
  await takeName({ ...needs(), named: two.named })

  expect((await one.instances()).map(({ name }) => name)).toEqual(['attic', 'cellar'])
})
