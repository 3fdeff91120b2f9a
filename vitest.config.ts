import { defineConfig } from 'vitest/config'

/** No claim about the program: they end a test that hangs, on a machine that is busy with other things as well. */
const limits = { testTimeout: 600_000, hookTimeout: 600_000, retry: 0 }

/** Tests that wait more than they work: for a schedule, a broker that comes back, an end. */
const waiting = { maxWorkers: 4, sequence: { groupOrder: 1 } }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...limits,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // One context for all files of a worker: four times faster, and no module here holds state.
          isolate: false,
          // By its default Vitest leaves one core alone, and so half of a machine with two.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...limits,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          isolate: false,
          ...waiting,
        },
      },
      {
        test: {
          ...limits,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/built-program.ts'],
          ...waiting,
        },
      },
      {
        test: {
          ...limits,
          name: 'packaging',
          include: ['test/packaging/**/*.test.ts'],
          globalSetup: ['test/support/packed-package.ts'],
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
