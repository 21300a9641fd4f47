// The programs of the checks: installed into the download cache on first use, and run to completion.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ensure } from '../../../src/devstack/download-cache.ts'
import { devstackErrors } from '../../../src/devstack/errors.ts'
import { defaultCacheDir, findProgram, runTool, type ToolOptions } from '../../../src/devstack/tools.ts'
import { recipeOf, type Pin } from './recipes.ts'

/** The repository. */
export const ROOT = join(import.meta.dirname, '../../..')
export const CACHE = defaultCacheDir(process.env)
export const pins = parse(readFileSync(join(import.meta.dirname, 'pins.yaml'), 'utf8')) as Readonly<Record<string, Pin>>

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

const found = new Map<string, Promise<string>>()

/** Path of a tool, which is installed first if necessary. */
export async function tool (name: string): Promise<string> {
  const path = found.get(name) ?? install(name)
  found.set(name, path)
  return await path
}

async function install (name: string): Promise<string> {
  const pin = { ...pins[name]!, name }
  const { title, machine, path = '.' } = pin
  const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`
  const own = machine === undefined ? undefined : await findProgram(machine, { PATH })
  if (own !== undefined) return own
  const recipe = recipeOf(pin)
  if (recipe === undefined) throw devstackErrors.DEVSTACK_PREREQUISITE(`${machine} is not on PATH (Debian: apt install ${title})`)
  const needs = recipe.needs?.(pin) ?? []
  const locks = [`go/${name}/go.mod`, `go/${name}/go.sum`, `python/${name}.txt`].map(file => join(import.meta.dirname, file))
  const pinned = [pin, ...needs.map(each => pins[each]), ...locks.filter(existsSync).map(file => readFileSync(file, 'utf8'))]
  const digest = createHash('sha256').update(JSON.stringify(pinned)).digest('hex').slice(0, 12)
  const folder = await ensure({
    title,
    folder: `${name}-${digest}`,
    items: 'files',
    // What a tool needs takes the same lock, so it is installed before.
    fetcher: { name: 'its recipe', find: async () => { for (const needed of needs) await tool(needed); return '' } },
    fetch: async into => { await recipe.fetch(pin, into, { must, tool, to: join(into, path) }) }
    // A folder of its own, so that the demo does not wait for the lock of these downloads.
  }, { cacheDir: join(CACHE, 'tools'), env: process.env, progress: line => { if (!line.endsWith(', cached')) progress(line) } })
  return join(folder, path)
}
