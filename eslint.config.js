// Lint rules that hold the architecture: imports go one way and form no cycle, and no RxJS operator drops an envelope unsettled.
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { importX } from 'eslint-plugin-import-x'
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
const parts = [
  'admin', 'api', 'avro', 'config', 'dead-letters', 'devstack', 'generator', 'ingest', 'kafka', 'metrics', 'print', 'simulator', 'sinks', 'sources', 'stores'
]
const order = 'Imports go one way: pipeline <- parts <- program <- demo and modes <- cli.'
const noUp = above => ({
  paths: bannedOperators,
  patterns: [{ group: above.flatMap(folder => [`**/${folder}/*`, `**/${folder}`]), message: order }]
})

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tap/', '.alert-stream*/'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mjs', '**/*.js'],
    rules: { 'max-len': ['error', { code: 140, ignoreUrls: true }] }
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', prefer: 'type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-imports': ['error', { paths: bannedOperators }],
      'import-x/no-cycle': 'error'
    },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] }
  },
  { files: ['src/pipeline/**/*.ts'], rules: { 'no-restricted-imports': ['error', noUp([...parts, 'program', 'demo', 'modes', 'cli'])] } },
  { files: parts.map(folder => `src/${folder}/**/*.ts`), rules: { 'no-restricted-imports': ['error', noUp(['program', 'demo', 'modes', 'cli'])] } },
  { files: ['src/program/**/*.ts'], rules: { 'no-restricted-imports': ['error', noUp(['demo', 'modes', 'cli'])] } },
  { files: ['src/demo/**/*.ts', 'src/modes/**/*.ts'], rules: { 'no-restricted-imports': ['error', noUp(['cli'])] } },
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
