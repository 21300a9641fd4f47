// The tools that checks ask for, by name: each is looked for in the cache, else made once by its recipe. What this machine cannot have is a
// `ToolMissing` with what to do; a download that is not what was pinned is a failure everywhere, never a lack. One that fails is tried
// again twice.
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensure, isMissing, type CacheOptions, type Download } from '../../../src/devstack/download-cache.ts'
import { isProgram } from '../../../src/devstack/tools.ts'
import { AlertStreamError, formatError } from '../../../src/pipeline/errors.ts'
import { ToolMissing } from '../check.ts'
import { shortHash, type Kitchen, type Recipe } from './recipe.ts'

export interface ToolboxOptions extends CacheOptions {
  readonly signal: AbortSignal
  /** Before each further try of a download. */
  readonly pausesMs?: readonly number[]
}

/**
 * A registry that is away for a moment must not fail a run of an hour; what is wrong for good fails again soon, as caches keep what came.
 */
const PAUSES_MS = [3_000, 20_000]
/** Codes of what another machine, network or day would not have met. */
const LACKS = ['DEVSTACK_PREREQUISITE', 'DEVSTACK_DOWNLOAD', 'DEVSTACK_PLATFORM']

export class Toolbox<Name extends string> {
  readonly #recipes: Readonly<Record<Name, Recipe>>
  readonly #options: ToolboxOptions
  readonly #found = new Map<string, Promise<string>>()

  constructor (recipes: Readonly<Record<Name, Recipe>>, options: ToolboxOptions) {
    this.#recipes = recipes
    // Beside the programs that the demo runs, not among them: nobody else waits for the lock of this folder.
    this.#options = { ...options, cacheDir: join(options.cacheDir, 'tools') }
  }

  /** Path of a tool; the second call of a run gives what the first one gave, an error too. */
  async tool (name: Name): Promise<string> {
    const found = this.#found.get(name) ?? this.#install(name, this.#recipes[name])
    this.#found.set(name, found)
    return await found
  }

  async #install (name: string, recipe: Recipe): Promise<string> {
    const installed = await recipe.installed?.(this.#options.env)
    if (installed !== undefined) return installed
    const { env, progress = () => {} } = this.#options
    const paths = new Map<string, string>()
    const folder = `${name}-${shortHash([recipe.title, recipe.path, ...recipe.pins])}`
    const kitchen: Kitchen = {
      env,
      signal: this.#options.signal,
      path: needed => paths.get(needed) ?? fail(`${recipe.title} does not say that it needs ${needed}`)
    }
    const download: Download = {
      title: recipe.title,
      folder,
      items: recipe.items ?? 'files',
      fetcher: { name: recipe.fetcher.name, find: async () => await recipe.fetcher.find(kitchen) },
      fetch: async (into, run) => {
        await recipe.fetch(into, run, kitchen)
        // A program that nobody can run would else look whole for ever.
        const path = join(into, recipe.path)
        if (recipe.path !== '.' && recipe.path.startsWith('bin/')) await chmod(path, 0o755)
      }
    }
    const path = join(this.#options.cacheDir, folder, recipe.path)
    try {
      // Made only where it is needed: what it takes to make one is not asked for where the cache has the result.
      if (await isMissing(download, this.#options.cacheDir)) {
        for (const needed of recipe.needs ?? []) paths.set(needed, await this.tool(needed as Name))
      }
      const environment = { ...env, ...recipe.env }
      await this.#patiently(recipe.title, async () => {
        await ensure(download, { ...this.#options, env: environment, progress: line => { if (!line.endsWith(', cached')) progress(line) } })
      })
    } catch (error) {
      if (error instanceof AlertStreamError && LACKS.includes(error.code))
        throw new ToolMissing(`${recipe.title} is missing: ${formatError(error)}`, error)
      throw error
    }
    if (path.includes('/bin/') && !await isProgram(path)) throw new Error(`${recipe.title}: ${path} is no program`)
    return path
  }

  async #patiently (title: string, fetch: () => Promise<void>): Promise<void> {
    const { signal, progress = () => {}, pausesMs = PAUSES_MS } = this.#options
    for (const pause of pausesMs) {
      try {
        await fetch()
        return
      } catch (error) {
        if (signal.aborted || !(error instanceof AlertStreamError) || error.code !== 'DEVSTACK_DOWNLOAD') throw error
        progress(`${title}: again in ${pause / 1000} s, as ${error.message}`)
        await sleep(pause, undefined, { signal })
      }
    }
    await fetch()
  }
}

function fail (what: string): never {
  throw new Error(what)
}
