// What in deploy/ is made from something else beside it, written anew: READMEs of charts from their values and of Terraform's
// modules from their variables, values of the umbrella from those of its parts.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from './check.ts'
import { environmentNames, findCharts } from './helm/charts.ts'
import { readme } from './helm/readme.ts'
import { composeUmbrella, umbrellaFile } from './helm/umbrella.ts'
import { programs } from './programs.ts'
import { readmeOf } from './terraform/readme.ts'
import { foldersOf } from './terraform/tofu.ts'
import { Toolbox } from './tools/index.ts'

/** Writes what is not current; resolves with the paths. */
export async function writeGenerated (
  { root, env, cacheDir, signal, progress }: Pick<Context, 'root' | 'env' | 'cacheDir' | 'signal' | 'progress'>
): Promise<string[]> {
  const toolbox = new Toolbox({ cacheDir, env, progress, signal })
  const context: Pick<Context, 'tool' | 'must' | 'env'> = {
    env,
    tool: async name => await toolbox.tool(name),
    must: programs(env, signal).must
  }
  const wanted = new Map<string, string>()
  for (const environment of await environmentNames(root))
    wanted.set(umbrellaFile(root, environment), await composeUmbrella(root, environment))
  for (const { folder, library } of await findCharts(root))
    if (!library) wanted.set(join(folder, 'README.md'), await readme(context, folder))
  const terraform = join(root, 'deploy', 'terraform')
  for (const folder of await foldersOf(terraform))
    wanted.set(join(terraform, folder, 'README.md'), await readmeOf(context, join(terraform, folder)))
  const written: string[] = []
  for (const [path, text] of wanted) {
    if ((await readFile(path, 'utf8').catch(() => '')).trim() === text.trim()) continue
    await writeFile(path, text)
    written.push(path)
  }
  return written
}
