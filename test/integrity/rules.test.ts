// What must hold of the sources themselves: the rules that keep records from getting lost and imports going one way.
import t from 'tap'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { ESLint } from 'eslint'

const root = resolve(import.meta.dirname, '../..')
const eslint = new ESLint({ cwd: root })

async function complaints (code: string, file: string): Promise<string[]> {
  // A file that exists, so that the type-aware rules find it in the project; its text is not read.
  const [result] = await eslint.lintText(code, { filePath: join(root, file) })
  return (result?.messages ?? []).filter(message => message.ruleId === 'no-restricted-imports').map(message => message.message)
}

await t.test('lossy operators are refused by lint', async t => {
  for (const operator of ['switchMap', 'debounceTime', 'sample', 'auditTime', 'throttle', 'take', 'takeUntil', 'exhaustMap', 'filter', 'first', 'distinct', 'from', 'timeout']) {
    for (const [module, file] of [['rxjs', 'src/pipeline/wire.ts'], ['rxjs/operators', 'src/simulator/mark-last-records.ts']] as const) {
      const found = await complaints(`import { ${operator} } from '${module}'\nexport const use = ${operator}\n`, file)
      t.equal(found.length, 1, `${operator} of ${module} in ${file}`)
      t.match(found[0], /never settles/)
    }
  }
  t.equal((await complaints("import * as rx from 'rxjs'\nexport const use = rx.take\n", 'src/pipeline/wire.ts')).length > 0, true, 'nor all of it under another name')
  t.same(await complaints("import { map, merge, share, tap } from 'rxjs'\nexport const use = [map, merge, share, tap]\n", 'src/pipeline/wire.ts'), [])
})

await t.test('imports against the direction are refused by lint', async t => {
  for (const [file, module] of [['src/pipeline/run.ts', '../kafka/record.ts'], ['src/pipeline/run.ts', '../modes/mode.ts'], ['src/kafka/record.ts', '../modes/mode.ts'], ['src/program/mode.ts', '../cli/host.ts']] as const) {
    const found = await complaints(`import * as up from '${module}'\nexport const use = up\n`, file)
    t.match(found[0], /Imports go one way/, `${file} -> ${module}`)
  }
})

await t.test('the pipeline imports nothing but itself, RxJS and Node', async t => {
  const folder = join(root, 'src/pipeline')
  for (const file of readdirSync(folder).filter(name => name.endsWith('.ts'))) {
    const text = readFileSync(join(folder, file), 'utf8')
    for (const [, module = ''] of text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)) {
      if (module === 'rxjs' || module.startsWith('node:')) continue
      t.equal(dirname(relative(folder, resolve(folder, module))), '.', `${file} imports ${module}`)
    }
    t.notMatch(text, /process\.(env|argv)|console\./, file)
  }
})

await t.test('a file of the pipeline stays under 300 lines and opens by saying what it is', async t => {
  const folder = join(root, 'src/pipeline')
  for (const file of readdirSync(folder).filter(name => name.endsWith('.ts'))) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    t.ok(lines.length <= 300, `${file}: ${lines.length} lines`)
    t.match(lines[0], /^\/\/ \S/, file)
  }
})
