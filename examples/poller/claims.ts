/**
 * Who works on which request: a compare-and-set in a file that all workers on a machine share.
 *
 * MQTT has no such thing. Workers on several machines use the same statement on a database that they share.
 */
import { DatabaseSync } from 'node:sqlite'

export interface Claims {
  /** Whether the work is ours until the lease ends; a worker that was killed may go on with its own. */
  claim(request: string, leaseMs: number): boolean
  /** The work is done, for ever. */
  finish(request: string): void
  /** The work failed: anyone may try. */
  release(request: string): void
}

export function openClaims(path: string, worker: string): Claims {
  const sql = new DatabaseSync(path, { timeout: 10_000 })
  sql.exec(`CREATE TABLE IF NOT EXISTS claims
    (request TEXT PRIMARY KEY, worker TEXT NOT NULL, until INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0)`)
  const take = sql.prepare(
    `INSERT INTO claims (request, worker, until) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET worker = excluded.worker, until = excluded.until
     WHERE done = 0 AND (until < ? OR worker = excluded.worker)`,
  )
  const done = sql.prepare('UPDATE claims SET done = 1 WHERE request = ?')
  const free = sql.prepare('UPDATE claims SET until = 0 WHERE request = ? AND worker = ?')
  return {
    claim: (request, leaseMs) => take.run(request, worker, Date.now() + leaseMs, Date.now()).changes === 1,
    finish: (request) => void done.run(request),
    release: (request) => void free.run(request, worker),
  }
}
