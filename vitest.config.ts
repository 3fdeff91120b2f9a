import { defineConfig } from 'vitest/config'

/** No claim about the program: they end a test that hangs, on a machine that is busy with other things as well. */
const limits = { testTimeout: 240_000, hookTimeout: 240_000, retry: 0 }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...limits,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/journeys/**', 'test/bench/**'],
          // One worker context for all files: four times faster on two cores, and no module here holds state.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...limits,
          name: 'journeys',
          include: ['test/journeys/**/*.test.ts'],
          // Each journey starts real processes; two cores hold two of them comfortably.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
