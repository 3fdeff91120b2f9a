import { defineConfig } from 'vitest/config'

/** No claim about the program: they end a test that hangs, on a machine that is busy with other things as well. */
const limits = { testTimeout: 240_000, hookTimeout: 240_000, retry: 0 }

/** The program as a process. */
const e2e = ['test/journeys/**/*.test.ts']

/** Sockets, other processes, files on a disk, and long searches for counterexamples. */
const integration = [
  'test/{bench-figures,bench-laps,deliver-model,tls-verified}.test.ts',
  'test/blink/{addresses,allow-list,answers-fuzz,connections,http,http-limits,no-answer,proxy,sign-in}.test.ts',
  'test/commands/{config,output}.test.ts',
  'test/daemon/{clouds,guard-properties}.test.ts',
  'test/mqtt/{addresses,broker,embedded,hostile-messages,keep-connected,limits-of-the-broker}.test.ts',
  'test/mqtt/{mosquitto,outstanding,server,unanswered,web-socket}.test.ts',
  'test/simulator/{command-routes,commands,control,forbidden,homescreen,local-storage}.test.ts',
  'test/simulator/{misbehaviour,network-routes,oauth,router,sign-in,simulator}.test.ts',
  'test/store/{damage,damage-property,database,database-model,delivery-model,disk-trouble}.test.ts',
  'test/store/{files,ledger,outbox,schema}.test.ts',
]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...limits,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...integration, ...e2e],
          // One worker context for all files: four times faster on two cores, and no module here holds state.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...limits,
          name: 'integration',
          include: integration,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...limits,
          name: 'e2e',
          include: e2e,
          globalSetup: ['test/built-program.ts'],
          // They wait more than they work: for a schedule, a broker that comes back, an end.
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
