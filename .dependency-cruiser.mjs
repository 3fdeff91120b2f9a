/**
 * Which module may import which, and which packages each file may import: checked by `npm run lint`.
 *
 * A module is a directory of `src/`, or a file in it. It imports modules of the layers above its own in this table,
 * and none beside it: those meet through the ports of `domain`.
 */
const layers = [
  ['domain'],
  ['blink', 'storage', 'mqtt', 'config', 'log'],
  ['accounts', 'outbox'],
  ['scheduler', 'clips'],
  ['commands'],
  ['topics'],
  ['homeassistant', 'web', 'support'],
  ['fleet'],
  ['app'],
  ['cli'],
  ['main'],
]

/** It shares no code with the program, so that both do not have the same mistake. */
const simulator = { name: 'simulator', importedBy: 'cli' }

/** Packages and parts of Node.js, and the only files and directories that import them. */
const packages = [
  [['undici'], ['blink/http.ts', 'blink/connections.ts']],
  [['mqtt', 'mqtt-packet'], ['mqtt/connection.ts']],
  [['aedes', 'aedes-persistence'], ['mqtt/embedded.ts']],
  [['node-cron'], ['config/cron.ts', 'scheduler/run-times.ts']],
  [['sqlite'], ['storage/connection.ts']],
  [['pg'], ['storage/postgres/pool.ts']],
  [['pg-boss'], ['fleet/jobs.ts']],
  [['pino', 'pino-pretty'], ['log.ts']],
  [['convict', 'yaml'], ['config/']],
  [['commander', 'cli-progress', 'string-width'], ['cli/']],
  [['hono', '@hono/node-server'], ['web/']],
  [['uuid'], ['domain/clock.ts']],
  [['@prometheus-io/client'], ['web/metrics.ts']],
  [
    ['timers', 'timers/promises', 'perf_hooks'],
    ['domain/clock.ts', 'simulator/time.ts', 'cli/output.ts'],
  ],
  [['process'], ['main.ts']],
]

const modules = layers.flat()
const pathOf = (names) => `^src/(${names.join('|')})(\\.ts$|/)`

function layerRules() {
  return layers.flatMap((layer, index) =>
    layer.map((module) => {
      const others = layers.slice(index).flat()
      const forbidden = others.filter((other) => other !== module)
      return {
        name: `layer of ${module}`,
        comment: `${module} imports a module beside it or below it in the table of .dependency-cruiser.mjs`,
        severity: 'error',
        from: { path: pathOf([module]) },
        to: {
          path: forbidden.length > 0 ? pathOf(forbidden) : '^$',
        },
      }
    }),
  )
}

function packageRules() {
  return packages.map(([names, places]) => ({
    name: `import of ${names.join(' or ')}`,
    comment: `only ${places.join(' and ')} may import it`,
    severity: 'error',
    from: { path: '^src/', pathNot: places.map((place) => `^src/${place.replace('.ts', '\\.ts$')}`) },
    to: { path: names.flatMap((name) => [`^(node:)?${name}$`, `(^|/)node_modules/(@types/)?${name}/`]) },
  }))
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules(),
    ...packageRules(),
    {
      name: 'file without a layer',
      comment: 'a module of src/ that is not in the table of .dependency-cruiser.mjs',
      severity: 'error',
      from: { path: '^src/', pathNot: [pathOf(modules), pathOf([simulator.name])] },
      to: {},
    },
    {
      name: 'import of what has no layer',
      comment: 'src/ imports nothing of test/, examples/ or a module that is not in the table',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        pathNot: [pathOf(modules), pathOf([simulator.name]), '(^|/)node_modules/'],
        dependencyTypes: ['local'],
      },
    },
    {
      name: 'simulator on its own',
      severity: 'error',
      from: { path: pathOf([simulator.name]) },
      to: { path: pathOf(modules) },
    },
    {
      name: 'import of the simulator',
      severity: 'error',
      from: { path: '^src/', pathNot: [pathOf([simulator.name]), pathOf([simulator.importedBy])] },
      to: { path: pathOf([simulator.name]) },
    },
    {
      name: 'cycle',
      comment: 'modules that need each other when they run; a cycle with types in it is none',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
