// Runs groups of checks one after the other and counts. A group whose tool is missing counts as failed in CI and as skipped elsewhere; a
// stop ends the children that run, cleans up and counts as a failure. Temporary files of all programs are in one folder, which goes at the
// end.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endServersUnder } from '../../src/devstack/server-process.ts'
import type { Environment, Progress } from '../../src/devstack/tools.ts'
import { Fault, ToolMissing, type Check, type Context, type Group } from './check.ts'
import { programs } from './programs.ts'
import { Toolbox, type ToolName } from './tools/index.ts'

/** Helm tells of each chart that is a link, which they are on purpose. */
const NOISE = /^level=INFO msg="found symbolic link in path/

export interface RunnerOptions {
  readonly root: string
  readonly crds: string | undefined
  readonly env: Environment
  readonly cacheDir: string
  readonly signal: AbortSignal
  /** One line of the result. */
  readonly write: (line: string) => void
  readonly progress: Progress
  /** Default: the real tools. */
  readonly tool?: (name: ToolName) => Promise<string>
}

type Outcome = { readonly title: string, readonly ms: number } & ({ readonly skipped: string | undefined } | { readonly error: unknown })

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** What all groups of a run share. */
type Surroundings = Pick<Context, 'env' | 'tool'>

export class Runner {
  readonly #options: RunnerOptions
  readonly #counts: Counts = { passed: 0, failed: 0, skipped: 0 }

  constructor (options: RunnerOptions) {
    this.#options = options
  }

  /**
   * Runs the groups of these names, by default all; those that are left out count as skipped. That a group claims everything is looked at
   * in any case.
   */
  async run (groups: readonly Group[], only?: readonly string[], without: readonly string[] = []): Promise<Readonly<Counts>> {
    const { signal, cacheDir, progress } = this.#options
    const scratch = await mkdtemp(join(tmpdir(), 'check-deploy-'))
    // A compiler that is stopped leaves gigabytes, a plugin its socket.
    const env = { ...this.#options.env, TMPDIR: scratch }
    const toolbox = new Toolbox({ cacheDir, env, progress, signal })
    const surroundings: Surroundings = { env, tool: this.#options.tool ?? (async name => await toolbox.tool(name)) }
    try {
      this.#report(
        await outcomeOf({
          title: 'everything in deploy/ is checked by a group',
          run: async () => {
            await this.#claimed(groups)
          }
        })
      )
      for (const group of groups) {
        if (only !== undefined && !only.includes(group.name)) continue
        if (signal.aborted) break
        if (without.includes(group.name)) {
          this.#report(
            await outcomeOf({
              title: group.about,
              run: async () => await Promise.resolve({ skipped: `the group ${group.name} was left out` })
            })
          )
          continue
        }
        await this.#group(group, join(scratch, group.name), surroundings)
      }
      if (signal.aborted) this.#fail('stopped before the end', new Fault('it was stopped'))
    } finally {
      await endServersUnder(scratch, 5_000)
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 })
    }
    return this.#counts
  }

  async #group (group: Group, scratch: string, { env, tool }: Surroundings): Promise<void> {
    const { root, crds, cacheDir, signal, progress, write } = this.#options
    const started = Date.now()
    const deferred: Array<() => Promise<void>> = []
    await mkdir(scratch, { recursive: true })
    write(`# ${group.name}: ${group.about}`)
    const context: Context = {
      root,
      scratch,
      cacheDir,
      env,
      crds,
      signal,
      progress,
      tool,
      ...programs(env, signal),
      defer: work => { deferred.push(work) }
    }
    try {
      const waiting = [...await this.#checksOf(group, context)]
      const running: Array<Promise<Outcome>> = []
      while (waiting.length + running.length > 0) {
        while (!signal.aborted && waiting.length > 0 && running.length < (group.atOnce ?? 1))
          running.push(outcomeOf(waiting.shift() as Check))
        const first = running.shift()
        if (first === undefined) break
        this.#report(await first)
      }
    } finally {
      for (const work of deferred.reverse()) {
        await work().catch((error: unknown) => { this.#fail(`${group.name} cleans up`, error) })
      }
    }
    progress(`${group.name}: ${((Date.now() - started) / 1000).toFixed(1)} s`)
  }

  async #checksOf (group: Group, context: Context): Promise<readonly Check[]> {
    const missing: ToolMissing[] = []
    for (const name of group.tools) {
      if (this.#options.signal.aborted) return []
      try {
        await context.tool(name)
      } catch (error) {
        if (this.#options.signal.aborted) return []
        // A checksum that does not fit is no lack.
        if (!(error instanceof ToolMissing)) return [failing(`${group.name} has its tools`, error)]
        missing.push(error)
      }
    }
    const why = missing.map(({ message }) => message).join('; ')
    try {
      const checks = await group.checks(context)
      if (missing.length === 0)
        return checks.length > 0 ?
          checks :
          [failing(`${group.name} has something to check`, new Fault('it has no checks'))]
      return checks.map(({ title }) => this.#without(title, why))
    } catch (error) {
      if (this.#options.signal.aborted) return []
      if (missing.length > 0) return [this.#without(`the checks of ${group.name}`, why)]
      return [failing(`the checks of ${group.name} can be listed`, error)]
    }
  }

  #without (title: string, why: string): Check {
    // On a machine of somebody's own, a lack is no fault of what is checked; CI has no excuse.
    return this.#options.env.CI === 'true' ?
      failing(title, new Fault(why)) :
      { title, run: async () => await Promise.resolve({ skipped: why }) }
  }

  #report ({ title, ms, ...outcome }: Outcome): void {
    const { write, signal } = this.#options
    if ('error' in outcome) {
      // What a stop broke off is no failure of its own.
      if (!signal.aborted) this.#fail(title, outcome.error)
    } else if (outcome.skipped === undefined) {
      this.#counts.passed++
      write(`ok - ${title}${ms < 1000 ? '' : ` (${(ms / 1000).toFixed(1)} s)`}`)
    } else {
      this.#counts.skipped++
      write(`skip - ${title}: ${outcome.skipped}`)
    }
  }

  #fail (title: string, error: unknown): void {
    this.#counts.failed++
    const { write } = this.#options
    write(`not ok - ${title}`)
    const said = error instanceof Fault || error instanceof ToolMissing ?
      error.message :
      error instanceof Error ?
      error.stack ?? error.message :
      String(error)
    const words = error instanceof Fault && error.words !== '' ? `\n${error.words}` : ''
    for (const line of `${said}${words}`.trimEnd().split('\n').filter(line => !NOISE.test(line))) write(`    ${line}`)
  }

  async #claimed (groups: readonly Group[]): Promise<void> {
    const claims = new Set(groups.flatMap(({ claims = [] }) => claims))
    const walk = async (folder: string): Promise<string[]> => {
      const entries = await readdir(join(this.#options.root, 'deploy', folder), { withFileTypes: true })
      const faults: string[] = []
      for (const entry of entries) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (claims.has(path) || path === 'checks' || path.endsWith('README.md')) continue
        // A folder of which a group claims a part is looked into, and one that only says what will come is no lack.
        const inside = entry.isDirectory() ? await readdir(join(this.#options.root, 'deploy', path)) : []
        if (inside.length > 0 && inside.every(name => name === 'README.md')) continue
        if (inside.length > 0 && [...claims].some(claim => claim.startsWith(`${path}/`))) faults.push(...await walk(path))
        else faults.push(`nothing checks deploy/${path} yet: a group in deploy/checks/groups has to claim it`)
      }
      return faults
    }
    const faults = await walk('')
    if (faults.length > 0) throw new Fault('not everything is', faults.join('\n'))
  }
}

async function outcomeOf ({ title, run }: Check): Promise<Outcome> {
  const started = Date.now()
  try {
    const result = await run()
    return { title, ms: Date.now() - started, skipped: result?.skipped }
  } catch (error) {
    return { title, ms: Date.now() - started, error }
  }
}

function failing (title: string, error: unknown): Check {
  return { title, run: async () => await Promise.reject(error as Error) }
}
