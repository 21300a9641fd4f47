// Rules of the source code: no lossy RxJS operators, a fixed import order, and a pipeline that imports only RxJS and Node.
import t from 'tap'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { ESLint } from 'eslint'

const root = resolve(import.meta.dirname, '../..')
const eslint = new ESLint({ cwd: root })

const importRules = ['no-restricted-imports', '@typescript-eslint/no-restricted-imports', '@typescript-eslint/no-import-type-side-effects']

async function importErrors (code: string, file: string): Promise<string[]> {
  // Type-aware rules need the path of a file that belongs to the project. ESLint checks `code` and does not read the file.
  const [result] = await eslint.lintText(code, { filePath: join(root, file) })
  return (result?.messages ?? []).filter(message => importRules.includes(message.ruleId ?? '')).map(message => message.message)
}

await t.test('lint rejects lossy operators', async t => {
  const operators = [
    'switchMap', 'debounceTime', 'sample', 'auditTime', 'throttle', 'take', 'takeUntil', 'exhaustMap', 'filter', 'first', 'distinct',
    'from', 'timeout'
  ]
  for (const operator of operators) {
    for (const [module, file] of [['rxjs', 'src/pipeline/wire.ts'], ['rxjs/operators', 'src/simulator/mark-last-records.ts']] as const) {
      const found = await importErrors(`import { ${operator} } from '${module}'\nexport const use = ${operator}\n`, file)
      t.equal(found.length, 1, `lint reports one error for ${operator} of ${module} in ${file}`)
      t.match(found[0], /never settles/)
    }
  }
  t.equal((await importErrors("import * as rx from 'rxjs'\nexport const use = rx.take\n", 'src/pipeline/wire.ts')).length > 0, true)
  t.same(await importErrors("import { map, merge, tap } from 'rxjs'\nexport const use = [map, merge, tap]\n", 'src/pipeline/wire.ts'), [])
})

await t.test('lint rejects imports in the wrong direction', async t => {
  for (const [file, module] of [
    ['src/pipeline/run.ts', '../kafka/record.ts'],
    ['src/pipeline/run.ts', '../modes/mode.ts'],
    ['src/kafka/record.ts', '../modes/mode.ts'],
    ['src/program/mode.ts', '../cli/host.ts']
  ] as const) {
    const found = await importErrors(`import * as up from '${module}'\nexport const use = up\n`, file)
    t.match(found[0], /Import order: /, `lint rejects the import of ${module} in ${file}`)
  }
})

await t.test('lint rejects imports that load a module without need', async t => {
  const file = 'src/cli/main.ts'
  const use = '\nexport type Use = T\n'
  t.match(await importErrors(`import { type FastifyInstance as T } from 'fastify'${use}`, file), [/inline type specifiers/])
  t.same(await importErrors(`import type { FastifyInstance as T } from 'fastify'${use}`, file), [])
  t.match(await importErrors("import { Admin } from '@platformatic/kafka'\nexport const use = Admin\n", file), [/client-library\.ts/])
  t.same(await importErrors(`import type { Admin as T } from '@platformatic/kafka'${use}`, file), [])
})

const folder = join(root, 'src/pipeline')
const files = readdirSync(folder)
  .filter(name => name.endsWith('.ts'))
  .map(name => [name, readFileSync(join(folder, name), 'utf8')] as const)

await t.test('the pipeline imports only itself, RxJS and Node', async t => {
  for (const [file, text] of files) {
    for (const [, module = ''] of text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)) {
      if (module === 'rxjs' || module.startsWith('node:')) continue
      t.equal(dirname(relative(folder, resolve(folder, module))), '.', `${file} must not import ${module} from another folder`)
    }
    t.notMatch(text, /process\.(env|argv)|console\./, file)
  }
})

await t.test('every pipeline file has a header and at most 300 lines', async t => {
  for (const [file, text] of files) {
    const lines = text.split('\n')
    t.ok(lines.length <= 300, `${file} has ${lines.length} lines, at most 300 are allowed`)
    t.match(lines[0], /^\/\/ \S/, `${file} starts with a comment`)
  }
})
