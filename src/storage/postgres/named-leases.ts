/** Leases that are not an account's: of the bridge, and of the instances' names, which is how they know each other. */
import type { InstanceView, NamedLeases } from '../../domain/fleet.ts'
import type { Database } from './database.ts'

/** The lease of whoever holds the bridge, and what an instance's lease begins with. */
const bridge = 'bridge'
const instance = 'instance:'

export interface Named {
  readonly named: NamedLeases
  instances(): Promise<readonly InstanceView[]>
}

/** @param owner names this process, as no other */
export function openNamedLeases({ query, tables }: Database, owner: string): Named {
  const { named_lease: table, lease } = tables
  return {
    named: {
      async hold(name, leaseMs) {
        const { rows } = await query(
          `INSERT INTO ${table} AS mine (name, owner, lease_until) VALUES ($1, $2, now() + $3 * interval '1 ms')
           ON CONFLICT (name) DO UPDATE
           SET owner = excluded.owner, held_at = now(), lease_until = excluded.lease_until
           WHERE mine.owner = excluded.owner OR mine.lease_until < now()
           RETURNING name`,
          [name, owner, leaseMs],
        )
        return rows.length > 0
      },
      async free(name) {
        await query(`DELETE FROM ${table} WHERE name = $1 AND owner = $2`, [name, owner])
      },
    },
    async instances() {
      const { rows } = await query(
        `SELECT n.name, extract(epoch FROM n.held_at) * 1000 AS seen_at,
           (SELECT count(*) FROM ${lease} l WHERE l.owner = n.owner AND l.lease_until >= now()) AS accounts,
           EXISTS (SELECT 1 FROM ${table} b WHERE b.name = $1 AND b.owner = n.owner AND b.lease_until >= now())
             AS holds_bridge
         FROM ${table} n WHERE starts_with(n.name, $2) AND n.lease_until >= now() ORDER BY n.name`,
        [bridge, instance],
      )
      return rows.map((row) => ({
        name: String(row.name).slice(instance.length),
        accountsInWork: Number(row.accounts),
        seenAt: Math.floor(Number(row.seen_at)),
        holdsBridge: row.holds_bridge === true,
      }))
    },
  }
}
