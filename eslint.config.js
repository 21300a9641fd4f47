// Lint rules. Besides the recommended rules, these rules enforce the import order of the folders. They forbid import cycles and RxJS
// operators that drop an envelope without settling it.
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

const lossyOperators = [
  'switchMap', 'switchAll', 'switchScan', 'exhaustMap', 'exhaustAll', 'debounce', 'debounceTime', 'sample', 'sampleTime', 'audit',
  'auditTime', 'throttle', 'throttleTime', 'take', 'takeLast', 'takeUntil', 'takeWhile', 'skip', 'skipLast', 'skipUntil', 'skipWhile',
  'first', 'last', 'single', 'elementAt', 'distinct', 'distinctUntilChanged', 'distinctUntilKeyChanged', 'filter', 'find',
  'ignoreElements', 'reduce', 'timeout', 'race', 'from'
]
const bannedOperators = ['rxjs', 'rxjs/operators'].map(name => ({
  name,
  importNames: lossyOperators,
  message: 'This operator can drop an envelope, which then never settles and never returns its credit. Use the graph builder instead.'
}))
const parts = [
  'admin', 'alert-index', 'api', 'avro', 'compaction', 'compression', 'config', 'copy', 'dead-letters', 'devstack', 'export', 'fits',
  'formats', 'generator', 'ingest', 'inspect', 'kafka', 'metrics', 'print', 'provenance', 'replay', 'search', 'simulator', 'sinks',
  'sources', 'stores', 'verify'
]
const forbidImportsFrom = folders => ({
  paths: bannedOperators,
  patterns: [{
    group: folders.flatMap(folder => [`**/${folder}/*`, `**/${folder}`]),
    message: 'Import order: pipeline <- ids <- parts <- program <- demo and modes <- cli.'
  }]
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
      // `import { type T }` loads the module at run time, `import type { T }` does not.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-imports': ['error', { paths: bannedOperators }],
      'import-x/no-cycle': 'error'
    },
    plugins: { 'import-x': importX },
    // Without the extension .ts in this setting, import-x does not parse TypeScript files and finds no cycles.
    settings: { 'import-x/extensions': ['.ts'], 'import-x/resolver-next': [createTypeScriptImportResolver()] }
  },
  {
    files: ['src/pipeline/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', forbidImportsFrom(['ids', ...parts, 'program', 'demo', 'modes', 'cli'])] }
  },
  {
    files: ['src/ids/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', forbidImportsFrom([...parts, 'program', 'demo', 'modes', 'cli'])] }
  },
  {
    files: parts.map(folder => `src/${folder}/**/*.ts`),
    rules: { 'no-restricted-imports': ['error', forbidImportsFrom(['program', 'demo', 'modes', 'cli'])] }
  },
  { files: ['src/program/**/*.ts'], rules: { 'no-restricted-imports': ['error', forbidImportsFrom(['demo', 'modes', 'cli'])] } },
  { files: ['src/demo/**/*.ts', 'src/modes/**/*.ts'], rules: { 'no-restricted-imports': ['error', forbidImportsFrom(['cli'])] } },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
    rules: {
      'no-restricted-properties': ['error',
        { object: 'process', property: 'env', message: 'Only src/cli reads the environment. Pass the environment as an argument.' },
        { object: 'process', property: 'argv', message: 'Only src/cli reads argv. Pass argv as an argument.' }],
      'no-console': 'error'
    }
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/kafka/client-library.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', {
        paths: [{
          name: '@platformatic/kafka', allowTypeImports: true,
          message: 'Import from src/kafka/client-library.ts, which saves 0.5 s of CPU time at the start.'
        }]
      }]
    }
  },
  // Tests may use any operator, for example to show that a lossy operator loses values.
  { files: ['test/**/*.ts', 'bench/**/*.ts'], rules: { 'no-restricted-imports': 'off' } }
)
