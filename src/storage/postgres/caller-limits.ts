/** Token buckets in PostgreSQL: a caller who asks each instance in turn gets no more than from one. */
import type { CallerLimits } from '../../domain/ports.ts'
import type { Database } from './database.ts'

export function openCallerLimits(database: Database): CallerLimits {
  const { rate } = database.tables
  // By the server's clock alone.
  const [capacity, eachSecond, cost] = ['$2::float8', '$3::float8', '$4::float8']
  const grown = `LEAST(r.tokens + EXTRACT(EPOCH FROM clock_timestamp() - r.at) * ${eachSecond}, ${capacity})`
  const takeSome = `INSERT INTO ${rate} AS r (name, tokens, at)
    VALUES ($1, ${capacity} - ${cost}, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET tokens = ${grown} - ${cost}, at = clock_timestamp()
      WHERE ${grown} >= ${cost}
    RETURNING 1`
  const wait = `SELECT (${cost} - ${grown}) / ${eachSecond} * 1000 AS ms FROM ${rate} AS r WHERE name = $1`
  return {
    async take(name, wanted, size) {
      const values = [name, size.capacity, size.perMinute / 60, Math.min(wanted, size.capacity)]
      const taken = await database.query(takeSome, values)
      if (taken.rows.length > 0) return 0
      const { rows } = await database.query(wait, values)
      // Filled in the moment between the two, it is worth another try at once.
      return Math.max(1, Math.ceil(Number(rows[0]?.ms ?? 0)))
    },
  }
}
