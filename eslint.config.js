// What needs the type checker, and what this project forbids: time, chance and the environment outside of their
// files, state in a module, long files. Format and the rest of the lint are Biome's; who may import whom is
// in .dependency-cruiser.mjs.
import tseslint from 'typescript-eslint'

/**
 * The only files that read time and chance: all others are handed a clock, so that a test can hold it. The last two
 * bound what a stop waits for at the end of the process.
 */
const clocks = ['src/domain/clock.ts', 'src/simulator/time.ts', 'src/cli/output.ts', 'src/main.ts']
const entry = 'src/main.ts'
const useClock = 'Time and chance come from a clock that is handed in (src/domain/clock.ts).'
const useEntry = `Only ${entry} reads the environment and hands on what is needed.`

const timeGlobals = ['setTimeout', 'setInterval', 'performance', 'fetch', 'crypto']
const timeProperties = [
  ['Math', 'random'],
  ['AbortSignal', 'timeout'],
  ['process', 'hrtime'],
  ['process', 'uptime'],
]
const timeSyntax = [
  "NewExpression[callee.name='Date'][arguments.length=0]",
  "CallExpression[callee.name='Date']",
  "MemberExpression[object.name='Date']:not([property.name=/^(parse|UTC)$/])",
  "VariableDeclarator[init.name='Date']",
].map((selector) => ({ selector, message: useClock }))
const stateSyntax = [
  'Program > VariableDeclaration[kind!="const"]',
  'ExportNamedDeclaration > VariableDeclaration[kind!="const"]',
  'Program > VariableDeclaration > VariableDeclarator:not([id.typeAnnotation.typeAnnotation.typeName.name=/^Readonly(Map|Set)$/]) > NewExpression[callee.name=/^(Weak)?(Map|Set)$/]',
].map((selector) => ({ selector, message: 'A module holds no state: two instances would share it.' }))
const testSyntax = {
  selector: 'Identifier[name=/^(NODE_ENV|VITEST)$/]',
  message: 'The program does not know that it is tested.',
}
const wholeProcess = { selector: "VariableDeclarator[init.name='process']", message: useEntry }
const restricted = (properties, message) =>
  properties.map(([object, property]) => ({ object, property, message }))

export default tseslint.config(
  {
    files: ['{src,test,scripts}/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: clocks,
    rules: {
      'no-restricted-globals': [
        'error',
        {
          globals: timeGlobals.map((name) => ({ name, message: useClock })),
          checkGlobalObject: true,
        },
      ],
      'no-restricted-properties': [
        'error',
        ...restricted(timeProperties, useClock),
        ...restricted(
          [
            ['process', 'env'],
            ['process', 'argv'],
          ],
          useEntry,
        ),
      ],
      'no-restricted-imports': [
        'error',
        {
          name: 'node:crypto',
          importNames: ['randomUUID', 'randomBytes', 'randomInt', 'webcrypto', 'getRandomValues'],
          message: useClock,
        },
      ],
      'no-restricted-syntax': ['error', ...timeSyntax, ...stateSyntax, testSyntax, wholeProcess],
    },
  },
  {
    files: clocks,
    rules: { 'no-restricted-syntax': ['error', ...stateSyntax, testSyntax] },
  },
)
