// Runs groups of checks one after the other and counts the results. If a tool is missing, the checks of its group fail in CI and are
// skipped elsewhere. Aborting stops all child processes and counts as a failure.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endServersUnder } from '../../src/devstack/server-process.ts'
import { runTool, type Environment } from '../../src/devstack/tools.ts'
import { Fault, ToolMissing, type Check, type Context, type Group } from './check.ts'
import { Toolbox, type Tools } from './tools/toolbox.ts'

export interface RunnerOptions extends Pick<Context, 'root' | 'crds' | 'env' | 'cacheDir' | 'signal' | 'progress'> {
  /** Receives one line of the result. */
  readonly write: (line: string) => void
  /** Default: the pinned tools. */
  readonly tools?: Tools
}

/** Helm reports each linked chart. */
const NOISE = /found symbolic link in path/

export interface Counts { passed: number, failed: number, skipped: number }

export class Runner {
  readonly #options: RunnerOptions
  readonly #counts: Counts = { passed: 0, failed: 0, skipped: 0 }

  constructor (options: RunnerOptions) {
    this.#options = options
  }

  async run (groups: readonly Group[]): Promise<Readonly<Counts>> {
    const { signal, cacheDir, progress } = this.#options
    const scratch = await mkdtemp(join(tmpdir(), 'check-deploy-'))
    // All temporary files of child processes go with this folder.
    const env = { ...this.#options.env, TMPDIR: scratch }
    const tools = this.#options.tools ?? new Toolbox({ cacheDir, env, progress, signal })
    try {
      for (const group of groups) if (!signal.aborted) await this.#group(group, join(scratch, group.name), env, tools)
      if (signal.aborted) this.#fail('the run was stopped', new Fault('stopped before the end'))
    } finally {
      await endServersUnder(scratch, 5_000)
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 })
    }
    return this.#counts
  }

  async #group (group: Group, scratch: string, env: Environment, tools: Tools): Promise<void> {
    const { write, progress, signal } = this.#options
    const started = Date.now()
    const deferred: Array<() => Promise<void>> = []
    await mkdir(scratch, { recursive: true })
    write(`# ${group.name}: ${group.about}`)
    const context: Context = {
      ...this.#options,
      scratch,
      env,
      ...programs(env, signal),
      tool: async name => await tools.tool(name),
      defer: work => { deferred.push(work) }
    }
    try {
      const waiting = await this.#checks(group, context)
      const worker = async (): Promise<void> => {
        for (let check = waiting.shift(); check !== undefined && !signal.aborted; check = waiting.shift()) await this.#check(check)
      }
      await Promise.all(Array.from({ length: group.parallel ?? 1 }, worker))
    } finally {
      for (const work of deferred.reverse()) await work().catch((error: unknown) => { this.#fail(`${group.name} cleans up`, error) })
    }
    progress(`${group.name}: ${((Date.now() - started) / 1000).toFixed(1)} s`)
  }

  async #checks (group: Group, context: Context): Promise<Check[]> {
    try {
      for (const name of group.tools) await context.tool(name)
      const checks = await group.checks(context)
      if (checks.length === 0) throw new Fault('the group has no checks')
      return [...checks]
    } catch (error) {
      if (this.#options.signal.aborted) return []
      const optional = error instanceof ToolMissing && this.#options.env.CI !== 'true'
      return [{
        title: `${group.name}: tools and checks are available`,
        run: async () => optional ? await Promise.resolve(error.message) : await Promise.reject(error as Error)
      }]
    }
  }

  async #check ({ title, run }: Check): Promise<void> {
    const { write, signal } = this.#options
    try {
      const skipped = await run()
      if (skipped === undefined) this.#counts.passed++
      else this.#counts.skipped++
      write(skipped === undefined ? `ok - ${title}` : `skip - ${title}: ${skipped}`)
    } catch (error) {
      if (!signal.aborted) this.#fail(title, error)
    }
  }

  #fail (title: string, error: unknown): void {
    const { write } = this.#options
    this.#counts.failed++
    write(`not ok - ${title}`)
    const known = error instanceof Fault || error instanceof ToolMissing
    const message = known ? error.message : error instanceof Error ? error.stack ?? error.message : String(error)
    const output = error instanceof Fault ? error.output : ''
    for (const line of `${message}\n${output}`.trimEnd().split('\n').filter(line => !NOISE.test(line))) write(`    ${line}`)
  }
}

export function programs (env: Environment, signal: AbortSignal): Pick<Context, 'run' | 'must'> {
  const run: Context['run'] = async (program, args, options) => await runTool(program, args, { env, signal, ...options })
  return {
    run,
    must: async (program, args, options) => {
      const { code, stdout, stderr } = await run(program, args, options)
      if (code === 0) return stdout
      const output = (stdout + stderr).split('\n').slice(-200).join('\n')
      throw new Fault(`${[program.split('/').at(-1), ...args].join(' ').slice(0, 200)}: exit code ${code ?? 'unknown'}`, output)
    }
  }
}
