// Lint rules that hold the architecture: imports go one way (pipeline <- parts <- modes <- cli), lossy RxJS
// operators never touch envelopes (they would drop a record without settling it).
import tseslint from 'typescript-eslint'

const lossy = [
  'switchMap', 'switchAll', 'switchScan', 'exhaustMap', 'exhaustAll', 'debounce', 'debounceTime', 'sample', 'sampleTime', 'audit', 'auditTime',
  'throttle', 'throttleTime', 'take', 'takeLast', 'takeUntil', 'takeWhile', 'skip', 'skipLast', 'skipUntil', 'skipWhile', 'first', 'last',
  'single', 'elementAt', 'distinct', 'distinctUntilChanged', 'distinctUntilKeyChanged', 'filter', 'find', 'ignoreElements', 'reduce', 'timeout', 'race', 'from'
]
const bannedOperators = ['rxjs', 'rxjs/operators'].map(name => ({
  name,
  importNames: lossy,
  message: 'Lossy or unbounded on envelopes: a dropped envelope never settles and holds its credit for ever. Use the graph builder instead.'
}))
const parts = ['sources', 'sinks', 'avro', 'kafka', 'stores', 'generator', 'api', 'devstack', 'config', 'metrics']
const noUp = above => ({
  paths: bannedOperators,
  patterns: [{ group: above.flatMap(folder => [`**/${folder}/*`, `**/${folder}`]), message: 'Imports go one way: pipeline <- parts <- modes <- cli.' }]
})

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tap/', '.alert-stream*/'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', prefer: 'type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-imports': ['error', { paths: bannedOperators }]
    }
  },
  { files: ['src/pipeline/**/*.ts'], rules: { 'no-restricted-imports': ['error', noUp([...parts, 'modes', 'cli'])] } },
  { files: parts.map(folder => `src/${folder}/**/*.ts`), rules: { 'no-restricted-imports': ['error', noUp(['modes', 'cli'])] } },
  { files: ['src/modes/**/*.ts'], rules: { 'no-restricted-imports': ['error', noUp(['cli'])] } },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
    rules: {
      'no-restricted-properties': ['error',
        { object: 'process', property: 'env', message: 'Only src/cli reads the environment: take it as an argument.' },
        { object: 'process', property: 'argv', message: 'Only src/cli reads argv: take it as an argument.' }],
      'no-console': 'error'
    }
  },
  // Tests drive plain streams of numbers too, where losing one is the point.
  { files: ['test/**/*.ts', 'bench/**/*.ts'], rules: { 'no-restricted-imports': 'off' } }
)
