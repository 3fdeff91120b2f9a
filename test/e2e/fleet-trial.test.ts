import { expect, test } from 'vitest'
import type { Plan } from '../fleet/plan.ts'
import { runFleet } from '../fleet/run.ts'
import { isMosquittoMissing } from '../support/mosquitto.ts'
import { isPostgresMissing } from '../support/postgres.ts'

const peaceful = { skewMs: 0 }

/** A little of everything that `npm run fleet` does at length. */
const plan: Plan = {
  starts: [peaceful, peaceful, { skewMs: 4_000 }],
  instances: [
    { atMs: 3_000, deed: { instance: 0, kind: 'kill', moment: 'in-request', downMs: 2_000, next: peaceful } },
    // Longer than its lease: another one takes its accounts over.
    { atMs: 12_000, deed: { instance: 1, kind: 'freeze', forMs: 32_000 } },
    { atMs: 50_000, deed: { instance: 2, kind: 'stop', downMs: 0, next: peaceful } },
  ],
  wires: [
    { atMs: 8_000, deed: { instance: 2, to: 'broker', kind: 'cut', forMs: 3_000 } },
    { atMs: 46_000, deed: { instance: 0, to: 'store', kind: 'stall', forMs: 2_000 } },
  ],
  store: [{ atMs: 30_000, deed: { kind: 'restart' } }],
  cloud: [
    { atMs: 2_000, deed: { kind: 'expire', account: 10_001 } },
    { atMs: 5_000, deed: { kind: 'lose-answers', count: 2 } },
    { atMs: 6_000, deed: { kind: 'throttle', account: 10_002, seconds: 20 } },
  ],
}

const missing = [isMosquittoMissing && 'mosquitto', isPostgresMissing && 'postgresql'].filter(Boolean)
const reason = missing.length > 0 ? ` [skipped: ${missing.join(' and ')} not installed]` : ''

test.skipIf(missing.length > 0)(`three daemons share accounts, whatever falls over${reason}`, async () => {
  const { signal } = new AbortController()

  const report = await runFleet({
    ...{ seed: 1, lengthMs: 55_000, instances: 3, accounts: 24, modulesPerAccount: 2, everySeconds: 10 },
    // A busy machine is no failure.
    ...{ plan, storedWithinMs: 60_000, signal, tell: () => undefined },
  })

  expect(report.failures).toEqual([])
  expect(report.overlaps).toBe(0)
  // Something has happened, or nothing was proved.
  expect(report.ids.delivered).toBeGreaterThan(48)
  expect(report.lives.map(({ end }) => end)).toContain('killed')
})
