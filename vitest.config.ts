import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
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
          name: 'journeys',
          include: ['test/journeys/**/*.test.ts'],
          // Each journey starts real processes; two cores hold two of them comfortably.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          // Real processes on shared machines: what fails once is tried once more, and the report says that it was.
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
})
