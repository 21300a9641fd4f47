// Installs the tools of the checks into the cache, each once. A tool that this machine cannot have is a `ToolMissing`; a download with
// another checksum is an error everywhere.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { downloadError, ensure, type CacheOptions, type Fetcher } from '../../../src/devstack/download-cache.ts'
import { requirePython } from '../../../src/devstack/prerequisites.ts'
import { runTool } from '../../../src/devstack/tools.ts'
import { AlertStreamError, formatError } from '../../../src/pipeline/errors.ts'
import { ToolMissing } from '../check.ts'
import { recipes, type ToolName } from './pins.ts'
import type { Help, Recipe } from './recipes.ts'

export interface Tools { tool (name: ToolName): Promise<string> }

/** Error codes for what another machine or network would not have met. */
const LACKS = ['DEVSTACK_PREREQUISITE', 'DEVSTACK_DOWNLOAD', 'DEVSTACK_PLATFORM']

export class Toolbox implements Tools {
  readonly #options: CacheOptions & { readonly signal: AbortSignal }
  readonly #found = new Map<string, Promise<string>>()

  constructor (options: CacheOptions & { readonly signal: AbortSignal }) {
    // A folder of its own, so that the demo does not wait for the lock of these downloads.
    this.#options = { ...options, cacheDir: join(options.cacheDir, 'tools') }
  }

  async tool (name: ToolName): Promise<string> {
    const found = this.#found.get(name) ?? this.#install(name, recipes[name])
    this.#found.set(name, found)
    return await found
  }

  async #install (name: string, recipe: Recipe): Promise<string> {
    const { env, signal } = this.#options
    const installed = await recipe.installed?.(env)
    if (installed !== undefined) return installed
    const paths = new Map<string, string>()
    const digest = createHash('sha256').update([recipe.title, recipe.path, ...recipe.pins].join('\n')).digest('hex').slice(0, 12)
    const run: Help['run'] = async (program, args, cwd, more = {}) => {
      const { code, stdout, stderr } = await runTool(program, args, { env: { ...env, ...more }, cwd, signal })
      if (code !== 0) throw downloadError(`cannot install ${recipe.title}: ${program.split('/').at(-1)} failed`, stderr + stdout, cwd)
      return stdout
    }
    try {
      const folder = await ensure({
        title: recipe.title,
        folder: `${name}-${digest}`,
        items: 'files',
        // Other tools take the same lock, so they are installed before.
        fetcher: {
          name: 'its recipe',
          find: async () => {
            for (const needed of recipe.needs ?? []) paths.set(needed, await this.tool(needed as ToolName))
            return ''
          }
        },
        fetch: async into => {
          const python: Fetcher = async (args, cwd) => { await run(await requirePython(env, 'pip'), args, cwd) }
          await recipe.fetch(into, { env, run, python, path: needed => paths.get(needed) ?? '' })
        }
      }, { ...this.#options, progress: line => { if (!line.endsWith(', cached')) this.#options.progress?.(line) } })
      return join(folder, recipe.path)
    } catch (error) {
      if (error instanceof AlertStreamError && LACKS.includes(error.code))
        throw new ToolMissing(`${recipe.title} is missing: ${formatError(error)}`, error)
      throw error
    }
  }
}
