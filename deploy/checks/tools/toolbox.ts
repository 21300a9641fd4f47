// The programs of the checks: installed into the download cache on first use, and run to completion.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ensure } from '../../../src/devstack/download-cache.ts'
import { defaultCacheDir, runTool, type ToolOptions } from '../../../src/devstack/tools.ts'
import { recipes, type ToolName } from './pins.ts'
import type { Recipe } from './recipes.ts'

/** The repository. */
export const ROOT = join(import.meta.dirname, '../../..')
export const CACHE = defaultCacheDir(process.env)

export function progress (line: string): void {
  process.stderr.write(`check:deploy: ${line}\n`)
}

/** Standard output of a program. Throws with the last lines of the program's output if the program fails. */
export async function must (program: string, args: readonly string[], options: Partial<ToolOptions> = {}): Promise<string> {
  const { code, stdout, stderr } = await runTool(program, args, { env: process.env, ...options })
  if (code === 0) return stdout
  const output = (stdout + stderr).split('\n').filter(line => !line.includes('found symbolic link in path')).slice(-200).join('\n')
  throw new Error(`${program.split('/').at(-1)} ${args[0]}, exit code ${code ?? 'unknown'}: ${output}\nCommand: ${args.join(' ')}`)
}

const found = new Map<ToolName, Promise<string>>()

/** Path of a tool, which is installed first if necessary. */
export async function tool (name: ToolName): Promise<string> {
  const path = found.get(name) ?? install(name, recipes[name])
  found.set(name, path)
  return await path
}

async function install (name: ToolName, { title, path, pins, needs = [], installed, fetch }: Recipe): Promise<string> {
  const own = await installed?.()
  if (own !== undefined) return own
  const digest = createHash('sha256').update(JSON.stringify([title, path, pins])).digest('hex').slice(0, 12)
  const install = async (needed: string): Promise<string> => await tool(needed as ToolName)
  const folder = await ensure({
    title,
    folder: `${name}-${digest}`,
    items: 'files',
    // What a tool needs takes the same lock, so it is installed before.
    fetcher: { name: 'its recipe', find: async () => { for (const needed of needs) await install(needed); return '' } },
    fetch: async into => { await fetch(into, { must, tool: install }) }
    // A folder of its own, so that the demo does not wait for the lock of these downloads.
  }, { cacheDir: join(CACHE, 'tools'), env: process.env, progress: line => { if (!line.endsWith(', cached')) progress(line) } })
  return join(folder, path)
}
