// `npx node deploy/checks/terraform/write-readmes.ts` renews the tables of inputs and outputs in the READMEs of deploy/terraform.
// `npm run check:deploy` finds what this would change.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultCacheDir } from '../../../src/devstack/tools.ts'
import { Fault } from '../check.ts'
import { runChild } from '../child.ts'
import { Toolbox } from '../tools/index.ts'
import { describe, withTables } from './readme.ts'
import { foldersOf } from './tofu.ts'

const terraform = join(import.meta.dirname, '..', '..', 'terraform')
const { signal } = new AbortController()
const tofu = await new Toolbox({ cacheDir: defaultCacheDir(process.env), env: process.env, signal, progress: line => { process.stderr.write(`${line}\n`) } }).tool('tofu')
const must = async (program: string, args: readonly string[], options?: object): Promise<string> => {
  const { code, stdout, stderr } = await runChild(program, args, { env: process.env, signal, ...options })
  if (code !== 0) throw new Fault(`${program} ${args.join(' ')}`, stdout + stderr)
  return stdout
}

for (const folder of await foldersOf(terraform)) {
  const path = join(terraform, folder)
  const readme = await readFile(join(path, 'README.md'), 'utf8')
  const renewed = withTables(readme, await describe({ must, env: process.env }, tofu, path))
  if (renewed === readme) continue
  await writeFile(join(path, 'README.md'), renewed)
  process.stdout.write(`${folder}/README.md\n`)
}
